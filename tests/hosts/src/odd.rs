//! What a host may do that Envoy does not do, or not often: several workers at once, questions that cannot be sent, clients
//! that leave, bodies that do not wait, heads that are not handed over.
//!
//! Of what a host could do besides, this one does none: it lends the module to one callback at a time, so nothing comes
//! in while the module asks for something.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use proxy_wasm_host::HeaderMapExt;
use proxy_wasm_host::abi::v0_2_1::types::{LogLevel, Status};
use proxy_wasm_host::abi::v0_2_1::{Access, ContextId, HttpCallRefusal};
use scopegate::base::time::UnixTime;
use scopegate::tool::request::{Failure, Reply, Request};
use serde_json::{Value, json};

use crate::services::{Sharing, lock};
use crate::streams::{Fate, Stream};
use crate::text;
use crate::worker::{Process, Program, Worker};

const NOW: UnixTime = UnixTime::from_secs(1_760_000_000);

type Test = fn(&Program, Sharing);

/// Those that hold on each kind of host, and those that need workers that share something.
pub(crate) fn trials(program: &Arc<Program>) -> Vec<Trial> {
    let everywhere: [(&str, Test); 6] = [
        ("a_question_that_is_not_sent_is_an_outage_and_the_next_one_is_asked", not_sent),
        ("a_question_that_fails_later_is_an_outage", failed),
        ("a_client_that_leaves_takes_nobody_along", left),
        ("body_and_trailers_that_do_not_wait_for_the_verdict_are_kept", kept),
        ("a_head_that_cannot_be_read_or_edited_is_refused", broken),
        ("a_policy_that_is_wrong_serves_nothing", wrong),
    ];
    let shared: [(&str, Test); 1] = [("two_workers_ask_once_about_one_token", asked_once)];
    let mut trials = Vec::new();
    for sharing in Sharing::ALL {
        let here = shared.iter().filter(|_| sharing != Sharing::Nothing);
        for (name, test) in everywhere.iter().chain(here).copied() {
            let program = Arc::clone(program);
            trials.push(Trial::test(format!("odd::{}::{name}", sharing.name()), move || {
                test(&program, sharing);
                Ok(())
            }));
        }
    }
    trials
}

fn policy() -> Value {
    let introspection = json!({
        "uri": "https://idp.example.com/introspect", "cluster": "idp", "client": {"method": "none"},
    });
    json!({
        "issuers": {"idp": {"audiences": "any", "introspection": introspection}},
        "rules": [{"name": "all", "require": {"scopes": ["read"]}}],
        "upstream": {"headers": {"x-auth-subject": "sub"}},
    })
}

fn process(sharing: Sharing) -> Process {
    Process::new(sharing, NOW, &[])
}

/// A worker under [`policy`] that has had its first tick.
fn worker<'p>(program: &Program, process: &'p Process) -> Worker<'p> {
    let mut worker = Worker::start(program, process, &policy()).unwrap();
    worker.tick();
    worker
}

fn request(token: &str) -> Request {
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let headers = vec![field("authorization", &format!("Bearer {token}")), field("x-auth-subject", "root")];
    Request { headers, ..Request::default() }
}

fn active() -> Reply {
    let body = json!({"active": true, "sub": "alice", "scope": "read"}).to_string().into_bytes();
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    Reply::Answered { status: 200, headers, body }
}

/// An issuer that nobody may ask.
fn nobody(target: &str) -> Option<Reply> {
    panic!("{target} was asked for")
}

#[track_caller]
fn admitted(worker: &mut Worker<'_>, id: ContextId) {
    assert_eq!(worker.fate(id), Fate::GoesOn);
    let stream = worker.close(id);
    assert_eq!(stream.head.get_all(b"x-auth-subject"), [b"alice".to_vec()]);
    assert!(stream.answer.is_none());
}

/// The status and the details of the answer that the request got in the upstream's place.
#[track_caller]
fn refused(worker: &mut Worker<'_>, id: ContextId) -> (u32, String) {
    assert_eq!(worker.fate(id), Fate::Answered);
    let answer = worker.close(id).answer.unwrap();
    (answer.status_code, text(&answer.status_code_details))
}

fn asked_once(program: &Program, sharing: Sharing) {
    let process = process(sharing);
    let (mut one, mut other) = (worker(program, &process), worker(program, &process));
    let (first, second) = (one.open(&request("t")), other.open(&request("t")));
    let mut asked = 0;
    // The first has asked and waits; the other finds that out and follows.
    one.tick();
    one.wake();
    other.tick();
    other.wake();
    assert_eq!((one.fate(first), other.fate(second)), (Fate::Waits, Fate::Waits));
    let mut answer = |_: &str| {
        asked += 1;
        Some(active())
    };
    one.settle(first, &mut answer);
    other.settle(second, &mut answer);
    assert_eq!(asked, 1);
    admitted(&mut one, first);
    admitted(&mut other, second);
    // And both remember it.
    for worker in [&mut one, &mut other] {
        let again = worker.open(&request("t"));
        worker.settle(again, &mut nobody);
        admitted(worker, again);
        worker.is_sound().unwrap();
    }
}

fn not_sent(program: &Program, sharing: Sharing) {
    for refusal in [HttpCallRefusal::Failed, HttpCallRefusal::UnknownUpstream] {
        let process = process(sharing);
        let mut worker = worker(program, &process);
        *lock(&worker.outbox.refuse) = Some(refusal);
        let id = worker.open(&request("t"));
        worker.settle(id, &mut nobody);
        assert_eq!(refused(&mut worker, id), (503, "scopegate_issuer_unavailable".to_owned()));
        let warned =
            |(level, line): &(LogLevel, String)| *level == LogLevel::Warn && line.contains("was not sent");
        assert!(lock(&process.lines.0).iter().any(warned));
        *lock(&worker.outbox.refuse) = None;
        process.clock.advance(Duration::from_secs(60));
        let id = worker.open(&request("t"));
        worker.settle(id, &mut |_| Some(active()));
        admitted(&mut worker, id);
        worker.is_sound().unwrap();
    }
}

fn failed(program: &Program, sharing: Sharing) {
    let process = process(sharing);
    let mut worker = worker(program, &process);
    let id = worker.open(&request("t"));
    worker.settle(id, &mut |_| Some(Reply::Failed(Failure::Timeout)));
    assert_eq!(refused(&mut worker, id).0, 503);
    worker.is_sound().unwrap();
}

fn left(program: &Program, sharing: Sharing) {
    let process = process(sharing);
    let mut worker = worker(program, &process);
    let [gone, waits] = [(); 2].map(|()| worker.open(&request("t")));
    worker.tick();
    worker.wake();
    assert_eq!(worker.close(gone).fate, Fate::Waits);
    let mut asked = 0;
    worker.settle(waits, &mut |_| {
        asked += 1;
        Some(active())
    });
    assert_eq!(asked, 1);
    admitted(&mut worker, waits);
    // The only one that waits is gone before the answer is there: it is remembered all the same.
    let gone = worker.open(&request("u"));
    worker.tick();
    worker.wake();
    worker.close(gone);
    assert!(worker.answer(&mut |_| Some(active())));
    let next = worker.open(&request("u"));
    worker.settle(next, &mut nobody);
    admitted(&mut worker, next);
    worker.is_sound().unwrap();
}

fn kept(program: &Program, sharing: Sharing) {
    let process = process(sharing);
    let mut worker = worker(program, &process);
    let sent = [("x-sum", "1"), ("x-auth-subject", "root")];
    for (reply, goes_on) in [(active(), true), (Reply::Failed(Failure::Reset), false)] {
        let token = if goes_on { "t" } else { "u" };
        let id = worker.open_stream(Stream::new(&request(token)), false);
        assert!(!worker.body(id, 3) && !worker.trailers(id, &sent), "they went on before the verdict");
        worker.settle(id, &mut |_| Some(reply.clone()));
        assert_eq!((worker.body(id, 3), worker.trailers(id, &sent)), (goes_on, goes_on));
        let stream = worker.close(id);
        assert_eq!(stream.fate == Fate::GoesOn, goes_on);
        if goes_on {
            assert_eq!(stream.trailers.pairs(), [(b"x-sum".to_vec(), b"1".to_vec())]);
        }
    }
    worker.is_sound().unwrap();
}

fn broken(program: &Program, sharing: Sharing) {
    let statuses = [Status::BadArgument, Status::NotFound, Status::InternalFailure, Status::Unimplemented];
    for (access, details) in [(Access::Read, "request_fields"), (Access::Write, "edit")] {
        for status in statuses {
            let process = process(sharing);
            let mut worker = worker(program, &process);
            let mut stream = Stream::new(&request("t"));
            stream.broken = Some((access, status));
            let id = worker.open_stream(stream, true);
            worker.settle(id, &mut |_| Some(active()));
            assert_eq!(refused(&mut worker, id), (503, format!("scopegate_host_fault_{details}")));
            // Of the next request all is well.
            let id = worker.open(&request("t"));
            worker.settle(id, &mut |_| Some(active()));
            admitted(&mut worker, id);
        }
    }
}

fn wrong(program: &Program, sharing: Sharing) {
    for policy in [json!({"rules": [{"name": "all", "acess": "anonymous"}]}), json!([]), json!("")] {
        let process = process(sharing);
        let said = Worker::start(program, &process, &policy).err().expect("it serves");
        assert!(said.contains("Critical"), "{said}");
    }
}
