//! The whole engine by a sequence of events, in two workers that share what issuers say, against a ledger of all that
//! anybody ever said.
//!
//! An input is text: a letter for an event, then a digit for each of its choices (any byte counts, from `0` on).
//!
//! | event | choices | what happens |
//! | --- | --- | --- |
//! | `o` | worker, token, path | a request comes |
//! | `a` | worker | what the worker asks is sent |
//! | `y` | question, reply | a reply to any question that was ever sent, also a second one |
//! | `z` | worker | a reply to a question that nobody sent |
//! | `r`, `e`, `f` | worker | keys are refreshed, deadlines looked after, the other worker followed |
//! | `c` | request | a request is gone |
//! | `t`, `b` | step | time goes on, or back |
//! | `p` | worker, VM | the policy is loaded anew, in the same VM or in another one |
//! | `g` | slot, how | a neighbour writes into the shared memory |

mod cause;
mod ledger;
mod place;
mod slots;
mod world;

use world::World;

/// Takes events as text.
pub fn run(input: &[u8]) {
    let mut events = input.iter().copied();
    let mut world = World::new();
    while let Some(event) = events.next() {
        let mut choice = || usize::from(events.next().unwrap_or(b'0').wrapping_sub(b'0'));
        match event {
            b'o' => world.open(choice(), choice(), choice()),
            b'a' => world.ask(choice()),
            b'y' => world.reply(choice(), choice()),
            b'z' => world.reply_unasked(choice()),
            b'r' => world.refresh(choice()),
            b'e' => world.expire(choice()),
            b'f' => world.follow(choice()),
            b'c' => world.close(choice()),
            b't' => world.pass(choice()),
            b'b' => world.go_back(choice()),
            b'p' => world.reload(choice(), choice()),
            b'g' => world.garble(choice(), choice()),
            _ => {}
        }
    }
    world.end();
}
