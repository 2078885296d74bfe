//! What lies in a slot about one token: whose turn it is to ask, and what the issuer said last.

use core::time::Duration;

use crate::base::digest::{Digest, DigestKey};
use crate::base::time::UnixTime;
use crate::gate::clock::{Clock, Span};
use crate::http::message::Answer;

/// Answers that are longer are not shared, in bytes.
const LONGEST: usize = 4096;

/// Who looked for an answer before this has not seen it.
const JUST_NOW: Duration = Duration::from_secs(1);

/// The fields of an answer that say something about the token: all that is shared of them.
const FIELDS: [&str; 2] = ["content-type", "www-authenticate"];

/// No field of these follows.
const NO_FIELD: u8 = u8::MAX;

/// No answer follows.
const NOTHING_TOLD: u8 = 1;

/// What an answer says of the token, to whoever got it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::gate) enum Kind {
    /// It is not good.
    Refused,
    /// It is.
    Good,
}

impl Kind {
    const ALL: [(Self, u8); 2] = [(Self::Refused, 2), (Self::Good, 3)];

    fn number(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    fn of(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, other)| *other == number).map(|(kind, _)| *kind)
    }
}

/// An answer that some worker got.
#[derive(PartialEq, Eq, Debug)]
pub(in crate::gate) struct Told {
    pub(in crate::gate) kind: Kind,
    /// When, and for how long that worker may use it.
    pub(in crate::gate) span: Span,
    pub(super) status: u16,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Told {
    /// As much as is shared of `answer`; `None` where it is too long.
    pub(super) fn of(kind: Kind, answer: &Answer<'_>, span: Span) -> Option<Self> {
        let shared = answer.fields.iter().filter(|(name, _)| FIELDS.contains(&name.as_str()));
        let fields: Vec<(String, Vec<u8>)> = shared.cloned().collect();
        let length = fields.iter().fold(answer.body.len(), |sum, (_, value)| sum.saturating_add(value.len()));
        let told = Self { kind, span, status: answer.status, fields, body: answer.body.to_vec() };
        (length <= LONGEST).then_some(told)
    }

    /// As the issuer gave it.
    pub(in crate::gate) fn answer(&self) -> Answer<'_> {
        Answer { status: self.status, fields: &self.fields, body: &self.body }
    }
}

/// The length of a tag, in bytes.
pub(in crate::gate) const TAG: usize = 16;

/// What lies in a slot about one token.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// When the turn to ask was taken, and for how long.
    pub(super) turn: Span,
    /// What the issuer said last.
    pub(super) told: Option<Told>,
}

impl Record {
    /// Whether whoever took the turn keeps others from asking: for no longer than they would wait themselves.
    pub(super) fn is_taken(&self, patience: Duration, clock: &Clock, now: UnixTime) -> bool {
        now < self.turn.at.plus(patience) && self.turn.holds(clock, now)
    }

    /// Whether the answer has come since others looked for one.
    pub(super) fn was_told_just_now(&self, patience: Duration, clock: &Clock, now: UnixTime) -> bool {
        let lasts = JUST_NOW.min(patience);
        let is_new = |told: &Told| now < told.span.at.plus(lasts) && told.span.holds(clock, now);
        self.told.as_ref().is_some_and(is_new)
    }

    /// Tag, digest, the times of the turn, and of an answer its kind, times, status, fields and body, numbers
    /// little-endian. Each field is the number of its name in [`FIELDS`] and its value's length and text; a number that
    /// is none ends them.
    pub(super) fn write(&self, key: &DigestKey, slot: u32, digest: Digest) -> Vec<u8> {
        let mut record = vec![0; TAG];
        record.extend(digest.as_u128().to_le_bytes());
        write_span(&mut record, self.turn);
        match &self.told {
            None => record.push(NOTHING_TOLD),
            Some(told) => {
                record.push(told.kind.number());
                write_span(&mut record, told.span);
                record.extend(told.status.to_le_bytes());
                for (name, value) in &told.fields {
                    let number = FIELDS.iter().zip(0u8..).find(|(known, _)| *known == name);
                    let length = u16::try_from(value.len());
                    if let (Some((_, number)), Ok(length)) = (number, length) {
                        record.push(number);
                        record.extend(length.to_le_bytes());
                        record.extend(value);
                    }
                }
                record.push(NO_FIELD);
                record.extend(&told.body);
            }
        }
        let tag = tag(key, slot, record.get(TAG..).unwrap_or_default());
        record.splice(..TAG, tag);
        record
    }

    /// The record about the token with this digest; `None` for any other, and for what nobody of us wrote.
    pub(super) fn read(bytes: &[u8], key: &DigestKey, slot: u32, digest: Digest) -> Option<Self> {
        let (found, content) = bytes.split_first_chunk::<TAG>()?;
        if tag(key, slot, content) != *found {
            return None;
        }
        let (about, content) = content.split_first_chunk::<16>()?;
        let (turn, content) = read_span(content)?;
        if u128::from_le_bytes(*about) != digest.as_u128() {
            return None;
        }
        let (kind, content) = content.split_first()?;
        let told = match *kind {
            NOTHING_TOLD => None,
            kind => Some(read_told(Kind::of(kind)?, content)?),
        };
        Some(Self { turn, told })
    }
}

/// Whether a good answer lies here that counts still, whoever wrote it: of other issuers and policies the tag cannot be
/// checked. Whoever plants one keeps workers from sharing, and from nothing else.
pub(super) fn holds_good_answer(bytes: &[u8], clock: &Clock, now: UnixTime) -> bool {
    let span = || {
        let (_, content) = bytes.split_at_checked(TAG + 16)?;
        let (_, content) = read_span(content)?;
        let (kind, content) = content.split_first()?;
        (Kind::of(*kind)? == Kind::Good).then_some(read_span(content)?.0)
    };
    span().is_some_and(|span| span.holds(clock, now))
}

fn write_span(record: &mut Vec<u8>, span: Span) {
    for time in [span.at, span.until] {
        record.extend(time.as_millis().to_le_bytes());
    }
}

fn read_span(content: &[u8]) -> Option<(Span, &[u8])> {
    let (at, content) = content.split_first_chunk::<8>()?;
    let (until, content) = content.split_first_chunk::<8>()?;
    let time = |bytes: &[u8; 8]| UnixTime::from_millis(i64::from_le_bytes(*bytes));
    Some((Span { at: time(at), until: time(until) }, content))
}

fn read_told(kind: Kind, content: &[u8]) -> Option<Told> {
    let (span, content) = read_span(content)?;
    let (status, mut content) = content.split_first_chunk::<2>()?;
    let mut fields = Vec::new();
    loop {
        let (number, rest) = content.split_first()?;
        if *number == NO_FIELD {
            return Some(Told {
                kind,
                span,
                status: u16::from_le_bytes(*status),
                fields,
                body: rest.to_vec(),
            });
        }
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        fields.push(((*FIELDS.get(usize::from(*number))?).to_owned(), value.to_vec()));
        content = rest;
    }
}

/// What `content` of `slot` is tagged with.
pub(in crate::gate) fn tag(key: &DigestKey, slot: u32, content: &[u8]) -> [u8; TAG] {
    key.digest(slot, content).as_u128().to_le_bytes()
}
