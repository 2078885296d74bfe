//! What Envoy, kubectl and PyYAML make of plain scalars, beside the tool: `tests/data/yaml_scalars.txt` says on which of
//! them they differ, and the tool has those put in quotes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use kit::envoy::{Envoy, Launch};
use kit::places;
use libtest_mimic::Trial;
use scopegate::tool::document;
use serde_json::{Value, json};

const SCALARS: &str = include_str!("../data/yaml_scalars.txt");

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials =
        vec![trial("yaml::envoy_reads_what_is_alike_as_the_tool_does", || alike("envoy", ask_envoy))];
    let others = has("kubectl", &["version", "--client"]);
    let python = has("python3", &["-c", "import yaml"]);
    trials.push(if others {
        trial("yaml::kubectl_reads_what_is_alike_as_the_tool_does", || alike("kubectl", ask_kubectl))
    } else {
        ignored("yaml::kubectl (not installed)")
    });
    trials.push(if python {
        trial("yaml::pyyaml_reads_what_is_alike_as_the_tool_does", || alike("pyyaml", ask_python))
    } else {
        ignored("yaml::pyyaml (not installed: apt-get install python3-yaml)")
    });
    trials.push(if python {
        trial("yaml::pyyaml_differs_within_brackets_on_what_has_to_be_quoted_there", within_brackets)
    } else {
        ignored("yaml::within_brackets (needs PyYAML)")
    });
    trials.push(if others && python {
        trial("yaml::somebody_differs_on_each_scalar_that_has_to_be_quoted", differences)
    } else {
        ignored("yaml::somebody_differs_on_each_scalar_that_has_to_be_quoted (needs kubectl and PyYAML)")
    });
    trials
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

fn ignored(name: &str) -> Trial {
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

fn has(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn scalars(kinds: &[&str]) -> Vec<&'static str> {
    let lines = SCALARS.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(kind, _)| kinds.contains(kind)).flat_map(|(_, scalars)| scalars.split(' ')).collect()
}

/// Each scalar as a member of its own, `indent` deep.
fn members(scalars: &[&str], indent: usize) -> String {
    let line = |(number, scalar): (usize, &&str)| format!("{:indent$}k{number}: {scalar}\n", "");
    scalars.iter().enumerate().map(line).collect()
}

fn ask_tool(scalars: &[&str]) -> Vec<Value> {
    let documents = document::parse(members(scalars, 0).as_bytes()).unwrap();
    values(&documents[0], scalars.len())
}

fn values(object: &Value, count: usize) -> Vec<Value> {
    (0..count).map(|number| object[format!("k{number}")].clone()).collect()
}

fn ask_envoy(folder: &Path, scalars: &[&str]) -> Vec<Value> {
    let file = folder.join("envoy.yaml");
    let admin = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n";
    let node = format!("node:\n  id: x\n  cluster: x\n  metadata:\n{}", members(scalars, 4));
    fs::write(&file, format!("{admin}{node}")).unwrap();
    let envoy = Envoy::start_with_file(folder, &file, Launch::workers(1)).unwrap();
    let dump: Value = serde_json::from_str(&envoy.admin("/config_dump")).unwrap();
    let configs = dump["configs"].as_array().unwrap();
    let bootstrap = configs.iter().find_map(|config| config.get("bootstrap")).unwrap();
    values(&bootstrap["node"]["metadata"], scalars.len())
}

/// Without a cluster: the file is read, changed and written as JSON.
fn ask_kubectl(folder: &Path, scalars: &[&str]) -> Vec<Value> {
    let file = folder.join("resource.yaml");
    let head = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: x}\nspec:\n";
    fs::write(&file, format!("{head}{}", members(scalars, 2))).unwrap();
    let output = Command::new("kubectl")
        .args(["annotate", "--local", "--output", "json", "--filename"])
        .args([file.as_os_str()])
        .arg("a=b")
        .output()
        .unwrap();
    let read: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    values(&read["spec"], scalars.len())
}

/// What JSON does not have, and what PyYAML refuses, comes as an object.
fn ask_python(folder: &Path, scalars: &[&str]) -> Vec<Value> {
    const SCRIPT: &str = "import json, sys, yaml
def read(text):
    try:
        value = yaml.safe_load('k: ' + text)['k']
        json.dumps(value, allow_nan=False)
        return value
    except Exception:
        return {'other': True}
print(json.dumps([read(text) for text in json.load(open(sys.argv[1]))]))";
    let file = folder.join("scalars.json");
    fs::write(&file, json!(scalars).to_string()).unwrap();
    let output = Command::new("python3").args(["-c", SCRIPT]).arg(&file).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

type Ask = fn(&Path, &[&str]) -> Vec<Value>;

fn alike(name: &str, ask: Ask) {
    let scalars = scalars(&["alike", "strict", "within"]);
    let read = ask(&places::scratch(&format!("yaml-{name}")).unwrap(), &scalars);
    let ours = ask_tool(&scalars);
    assert!(scalars.len() > 200 && read.len() == scalars.len());
    for ((scalar, ours), theirs) in scalars.iter().zip(&ours).zip(&read) {
        assert!(same(ours, theirs), "{scalar}: {ours} here, {theirs} there");
    }
}

fn within_brackets() {
    let mut scalars = scalars(&["alike", "strict", "within"]);
    let quoted = self::scalars(&["within"]);
    scalars.retain(|scalar| !scalar.contains(['[', ']', '{', '}', ',']));
    let mappings: Vec<String> = scalars.iter().map(|scalar| format!("{{a: {scalar}}}")).collect();
    let mappings: Vec<&str> = mappings.iter().map(String::as_str).collect();
    let read = ask_python(&places::scratch("yaml-within").unwrap(), &mappings);
    let ours = ask_tool(&mappings);
    assert!(scalars.len() > 200 && quoted.len() > 5);
    for ((scalar, ours), theirs) in scalars.iter().zip(&ours).zip(&read) {
        assert_eq!(ours != theirs, quoted.contains(scalar), "{scalar}: {ours} here, {theirs} there");
    }
}

fn differences() {
    // The tool refuses these outright, as kubectl does.
    let is_endless = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.ends_with(".inf") || text.ends_with(".nan") || matches!(&*text, "1e400" | "1e309")
    };
    let mut scalars = scalars(&["differ"]);
    scalars.retain(|scalar| !is_endless(scalar));
    let folder = places::scratch("yaml-differences").unwrap();
    let read = [ask_envoy, ask_kubectl, ask_python].map(|ask: Ask| ask(&folder, &scalars));
    let ours = ask_tool(&scalars);
    assert!(scalars.len() > 100);
    for (number, scalar) in scalars.iter().enumerate() {
        let differs = read.iter().any(|theirs| !same(&ours[number], &theirs[number]));
        assert!(differs, "{scalar}: everybody reads {}", ours[number]);
    }
}
