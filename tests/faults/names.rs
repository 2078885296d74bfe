//! A name server for one name, which forgets it on demand (RFC 1035).

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Answers every question for an address with 127.0.0.1, unless it has forgotten.
pub(crate) struct Names {
    port: u16,
    forgotten: Arc<AtomicBool>,
}

const HEADER: usize = 12;
const NO_SUCH_NAME: u8 = 3;
const ADDRESS: [u8; 2] = [0, 1];

impl Names {
    pub(crate) fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let port = socket.local_addr()?.port();
        let forgotten = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&forgotten);
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let answer = answer(&question[..length], shared.load(Ordering::SeqCst));
                drop(answer.map(|answer| socket.send_to(&answer, from)));
            }
        });
        Ok(Self { port, forgotten })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the name is known from now on.
    pub(crate) fn forget(&self, forgotten: bool) {
        self.forgotten.store(forgotten, Ordering::SeqCst);
    }
}

fn answer(question: &[u8], forgotten: bool) -> Option<Vec<u8>> {
    let name = question.get(HEADER..)?.iter().position(|byte| *byte == 0)? + HEADER;
    let asked = question.get(HEADER..name + 5)?;
    let wants_address = question.get(name + 1..name + 3)? == ADDRESS;
    let (code, answers) = match (forgotten, wants_address) {
        (true, _) => (NO_SUCH_NAME, 0),
        (false, wants) => (0, u8::from(wants)),
    };
    let mut answer = question.get(..2)?.to_vec();
    answer.extend([0x85, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    answer.extend(asked);
    if answers == 1 {
        // The name above, type A, class IN, for one second, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
