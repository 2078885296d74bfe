//! A scripted issuer: answers by path, tells the truth, lies, delays or falls silent, and remembers who asked.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::deadline::{Gate, PATIENCE, lock};
use super::server::{After, Received, Server};

/// What a path answers.
#[derive(Clone)]
pub enum Answer {
    /// A whole response.
    Reply {
        /// The status code.
        status: u16,
        /// Fields beside `content-length`.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// `Answer` after a while.
    Later(Duration, Box<Answer>),
    /// `Answer` when the gate is opened.
    Held(Gate, Box<Answer>),
    /// No byte, ever.
    Silence,
    /// The connection is closed instead of an answer.
    Reset,
    /// A good beginning whose promised length never comes.
    CutShort(Vec<u8>),
    /// A good beginning in chunks, then a chunk that is none.
    BrokenChunk(Vec<u8>),
    /// What is made of the question.
    Made(Maker),
}

/// Makes an answer of a question.
pub type Maker = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

impl Answer {
    /// 200 with `value` as application/json.
    pub fn json(value: &Value) -> Self {
        Self::with_type("application/json", value.to_string())
    }

    /// 200 with `body` under the media type `media`.
    pub fn with_type(media: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), media.to_owned())],
            body: body.into(),
        }
    }

    /// A bare status.
    pub const fn status(status: u16) -> Self {
        Self::Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The same after `time`.
    pub fn later(self, time: Duration) -> Self {
        Self::Later(time, Box::new(self))
    }

    /// The same once `gate` is open.
    pub fn held(self, gate: &Gate) -> Self {
        Self::Held(gate.clone(), Box::new(self))
    }

    fn write(&self, request: &Received, stream: &mut TcpStream) -> io::Result<After> {
        match self {
            Self::Made(make) => make(request).write(request, stream),
            Self::Reply { status, headers, body } => {
                write!(stream, "HTTP/1.1 {status} Scripted\r\n")?;
                for (name, value) in headers {
                    write!(stream, "{name}: {value}\r\n")?;
                }
                write!(stream, "content-length: {}\r\n\r\n", body.len())?;
                stream.write_all(body)?;
                Ok(After::Keep)
            }
            Self::Later(time, answer) => {
                thread::sleep(*time);
                answer.write(request, stream)
            }
            Self::Held(gate, answer) => {
                gate.pass(PATIENCE);
                answer.write(request, stream)
            }
            Self::Silence => {
                drop(io::copy(stream, &mut io::sink()));
                Ok(After::Close)
            }
            Self::Reset => Ok(After::Close),
            Self::CutShort(body) => {
                write!(stream, "{JSON_HEAD}content-length: {}\r\n\r\n", body.len() + 1)?;
                stream.write_all(body)?;
                Ok(After::Close)
            }
            Self::BrokenChunk(body) => {
                write!(stream, "{JSON_HEAD}transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len())?;
                stream.write_all(body)?;
                stream.write_all(b"\r\nno number\r\n")?;
                Ok(After::Close)
            }
        }
    }
}

const JSON_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// The issuer; a path without a script answers 404.
pub struct Issuer {
    server: Server,
    script: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
}

impl Issuer {
    /// Starts an issuer on a free port.
    pub fn start() -> io::Result<Self> {
        Self::start_at(0)
    }

    /// Starts an issuer on `port`.
    pub fn start_at(port: u16) -> io::Result<Self> {
        let script: Arc<Mutex<HashMap<String, Vec<Answer>>>> = Arc::default();
        let shared = Arc::clone(&script);
        let server =
            Server::start(port, move |request, stream| next(&shared, request).write(request, stream))?;
        Ok(Self { server, script })
    }

    /// Its loopback port.
    pub const fn port(&self) -> u16 {
        self.server.port()
    }

    /// From now on `path` gives `answer`.
    pub fn answers(&self, path: &str, answer: Answer) {
        self.answers_in_turn(path, vec![answer]);
    }

    /// From now on `path` gives `answers` one after the other; the last one repeats.
    pub fn answers_in_turn(&self, path: &str, mut answers: Vec<Answer>) {
        answers.reverse();
        lock(&self.script).insert(path.to_owned(), answers);
    }

    /// The requests for `path` so far.
    pub fn questions(&self, path: &str) -> Vec<Received> {
        self.server.received().into_iter().filter(|request| request.path() == path).collect()
    }

    /// How often `path` was asked.
    pub fn asked(&self, path: &str) -> usize {
        self.questions(path).len()
    }

    /// Waits until `path` was asked `times` in all; false when it was not.
    pub fn wait_asked(&self, path: &str, times: usize) -> bool {
        self.server.wait(PATIENCE, |all| {
            all.iter().filter(|one| one.complete && one.path() == path).count() >= times
        })
    }
}

fn next(script: &Mutex<HashMap<String, Vec<Answer>>>, request: &Received) -> Answer {
    let mut script = lock(script);
    let answers = script.get_mut(request.path());
    let answer =
        answers.and_then(|answers| if answers.len() > 1 { answers.pop() } else { answers.last().cloned() });
    answer.unwrap_or_else(|| Answer::status(404))
}
