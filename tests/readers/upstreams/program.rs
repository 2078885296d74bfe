//! The servers as child processes. Each serves `admin` where it reads the path as one to `/admin`, and tells what it read
//! as the header `x-auth-subject` in `x-seen-subject`.

use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kit::deadline::poll;
use kit::places;

/// A virtual machine takes its time on a machine that does much else.
const START: Duration = Duration::from_secs(60);

/// Where Debian's packages leave their programs and the parts of Tomcat.
const JARS: &str = "/usr/share/java";
const TOMCAT: &[&str] = &[
    "annotations-api",
    "api",
    "catalina",
    "coyote",
    "el-api",
    "jaspic-api",
    "jni",
    "jsp-api",
    "juli",
    "servlet-api",
    "util",
    "util-scan",
];

/// A program, which may serve in more than one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Program {
    /// Embedded: a servlet for each.
    Tomcat,
    /// Files by lighttpd, and PHP by CGI behind it.
    Lighttpd,
    /// Locations.
    Nginx,
    /// `new URL`, `url.parse` and by hand.
    Node,
    /// Files by `http.server`, and an application by `wsgiref`.
    Python,
}

/// A running program, which ends with this value.
pub(super) struct Running {
    children: Vec<Child>,
    folder: PathBuf,
    /// Each way to serve, and its port.
    pub(super) ways: Vec<(&'static str, u16)>,
}

impl Program {
    pub(super) const ALL: &[Self] = &[Self::Tomcat, Self::Lighttpd, Self::Nginx, Self::Node, Self::Python];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tomcat => "tomcat",
            Self::Lighttpd => "lighttpd_and_php",
            Self::Nginx => "nginx",
            Self::Node => "node",
            Self::Python => "python",
        }
    }

    /// What of it is not here, and how to get it.
    pub(super) fn missing(self) -> Option<&'static str> {
        let jar = || Path::new(JARS).join("tomcat10-catalina.jar").is_file();
        let (there, remedy) = match self {
            Self::Tomcat => (
                has("java") && has("javac") && jar(),
                "apt-get install default-jdk-headless libtomcat10-java",
            ),
            Self::Lighttpd => (has("lighttpd") && has("php-cgi"), "apt-get install lighttpd php-cgi"),
            Self::Nginx => (has("nginx"), "apt-get install nginx-light"),
            Self::Node => (has("node"), "apt-get install nodejs"),
            Self::Python => (has("python3"), "apt-get install python3"),
        };
        (!there).then_some(remedy)
    }

    /// Starts it; `purpose` keeps its files apart from those of others.
    pub(super) fn start(self, purpose: &str) -> Result<Running, String> {
        let folder = places::scratch(&format!("{}-{purpose}", self.name()))?;
        let mut running = Running { children: Vec::new(), folder, ways: Vec::new() };
        running.begin(self).map_err(|error| format!("{} does not start: {error}", self.name()))?;
        let ready = |port: u16| poll(START, || TcpStream::connect(("127.0.0.1", port)).ok());
        for (way, port) in &running.ways {
            ready(*port)
                .ok_or_else(|| format!("{way} does not get ready; its words:\n{}", running.words()))?;
        }
        Ok(running)
    }
}

impl Running {
    fn begin(&mut self, program: Program) -> io::Result<()> {
        let source = places::root().join("tests/readers/upstreams");
        match program {
            Program::Tomcat => {
                let jars = TOMCAT.iter().map(|name| Path::new(JARS).join(format!("tomcat10-{name}.jar")));
                let path = env::join_paths(jars.chain([self.folder.clone()])).map_err(io::Error::other)?;
                let compiled = Command::new("javac")
                    .args(["-nowarn", "-d"])
                    .arg(&self.folder)
                    .arg("-cp")
                    .arg(&path)
                    .arg(source.join("Reader.java"))
                    .output()?;
                if !compiled.status.success() {
                    return Err(io::Error::other(kit::wire::text(&compiled.stderr)));
                }
                let mut java = Command::new("java");
                java.arg("-cp").arg(&path).arg("Reader").arg(&self.folder);
                self.spawn_and_ask(java, &["tomcat"])
            }
            Program::Node => {
                let mut node = Command::new("node");
                node.arg(source.join("node.mjs"));
                self.spawn_and_ask(node, &["node"])
            }
            Program::Python => {
                let root = self.files()?;
                let mut python = Command::new("python3");
                python.arg(source.join("python.py")).arg(root);
                self.spawn_and_ask(python, &["http.server", "wsgiref"])
            }
            Program::Nginx => {
                let port = free_port()?;
                let config = self.config("nginx.conf", include_str!("nginx.conf"), &[("PORT", port)])?;
                let mut nginx = Command::new(find("nginx"));
                nginx.arg("-e").arg("stderr").arg("-c").arg(config);
                self.spawn(nginx)?;
                self.ways.push(("nginx", port));
                Ok(())
            }
            Program::Lighttpd => {
                self.files()?;
                fs::copy(source.join("index.php"), self.folder.join("index.php"))?;
                let mut php = Command::new(find("php-cgi"));
                php.arg("-b").arg(self.folder.join("php.socket"));
                php.env("PHP_FCGI_CHILDREN", "0").env("PHP_FCGI_MAX_REQUESTS", "0");
                self.spawn(php)?;
                let ports = (free_port()?, free_port()?);
                let named = [("PHP", ports.1), ("STATIC", ports.0)];
                let config = self.config("lighttpd.conf", include_str!("lighttpd.conf"), &named)?;
                let mut lighttpd = Command::new(find("lighttpd"));
                lighttpd.arg("-D").arg("-f").arg(config);
                self.spawn(lighttpd)?;
                self.ways.extend([("lighttpd", ports.0), ("php", ports.1)]);
                Ok(())
            }
        }
    }

    /// A folder of files, one of which is `admin/users`.
    fn files(&self) -> io::Result<PathBuf> {
        let root = self.folder.join("root");
        fs::create_dir_all(root.join("admin"))?;
        fs::write(root.join("admin/users"), "admin")?;
        Ok(root)
    }

    fn config(&self, name: &str, text: &str, ports: &[(&str, u16)]) -> io::Result<PathBuf> {
        let text = text.replace("FOLDER", &self.folder.to_string_lossy());
        let put = |text: String, (name, port): &(&str, u16)| text.replace(name, &port.to_string());
        let file = self.folder.join(name);
        fs::write(&file, ports.iter().fold(text, put))?;
        Ok(file)
    }

    /// Starts `command`, which writes the ports of `ways` on its first line, and ends when its input does.
    fn spawn_and_ask(&mut self, command: Command, ways: &[&'static str]) -> io::Result<()> {
        self.spawn(command)?;
        let ports = poll(START, || {
            let said = fs::read_to_string(self.folder.join("out")).ok()?;
            let ports = said.lines().next()?.split(' ').map(str::parse).collect::<Result<Vec<u16>, _>>();
            ports.ok().filter(|ports| said.contains('\n') && ports.len() == ways.len())
        });
        let ports = ports.ok_or_else(|| io::Error::other(format!("it tells no port:\n{}", self.words())))?;
        self.ways = ways.iter().copied().zip(ports).collect();
        Ok(())
    }

    fn spawn(&mut self, mut command: Command) -> io::Result<()> {
        let log = File::options().append(true).create(true).open(self.folder.join("log"))?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(File::create(self.folder.join("out"))?)
            .stderr(log)
            .current_dir(&self.folder)
            .spawn()?;
        self.children.push(child);
        Ok(())
    }

    fn words(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn has(program: &str) -> bool {
    find(program).is_file()
}

/// Where `program` is: on the path, or where only root's has it.
fn find(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places =
        env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).map(|folder| folder.join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| PathBuf::from(program))
}
