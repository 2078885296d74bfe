//! A value that must not be seen, and that goes when it is no longer needed.

use core::fmt;
use std::borrow::Cow;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// Holds a credential, a client secret or a key. `Debug` shows no part of it; there is no `Display`. How long comparing two
/// takes tells their lengths and nothing else.
///
/// When it is dropped its bytes are overwritten. What a value left behind while it was put together is not found.
#[derive(Clone)]
pub struct Secret<T: Wipe>(T);

impl<T: Wipe> Secret<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that has to send it or compute with it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<Cow<'_, [u8]>> {
    /// The value, for longer than what it may be borrowed from.
    pub fn into_owned(mut self) -> Secret<Cow<'static, [u8]>> {
        Secret(Cow::Owned(core::mem::take(&mut self.0).into_owned()))
    }
}

impl<T: Wipe + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: Wipe + AsRef<[u8]>> Eq for Secret<T> {}

impl<T: Wipe> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

impl<T: Wipe> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What a [`Secret`] can hold. `Zeroize` is of another crate, and not for all of these.
pub trait Wipe {
    /// Overwrites the bytes that are the value's own.
    fn wipe(&mut self);
}

impl Wipe for String {
    fn wipe(&mut self) {
        self.zeroize();
    }
}

impl Wipe for Vec<u8> {
    fn wipe(&mut self) {
        self.zeroize();
    }
}

impl Wipe for Vec<Vec<u8>> {
    fn wipe(&mut self) {
        self.zeroize();
    }
}

/// The names of fields are no secret.
impl Wipe for Vec<(&'static str, String)> {
    fn wipe(&mut self) {
        self.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

/// What is borrowed is another's: a token in a request's head costs nothing here.
impl Wipe for Cow<'_, [u8]> {
    fn wipe(&mut self) {
        if let Cow::Owned(bytes) = self {
            bytes.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[secret]");
    }

    #[test]
    fn equal_are_those_of_the_same_bytes_alone() {
        let secret = |text: &str| Secret::new(text.to_owned());
        assert_eq!(secret("hunter2"), secret("hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2", "hunter3"] {
            assert_ne!(secret("hunter2"), secret(other), "{other}");
        }
    }

    struct Witness<'w>(&'w Cell<u8>);

    impl Wipe for Witness<'_> {
        fn wipe(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_secret_that_is_dropped_is_wiped_once() {
        let wiped = Cell::new(0);
        let secret = Secret::new(Witness(&wiped));
        assert_eq!(wiped.get(), 0);
        drop(secret);
        assert_eq!(wiped.get(), 1);
    }

    #[test]
    fn what_is_owned_is_wiped_and_what_is_borrowed_is_not() {
        let mut owned: (String, Vec<u8>, Vec<Vec<u8>>) = ("a".into(), vec![1], vec![vec![1]]);
        owned.0.wipe();
        owned.1.wipe();
        owned.2.wipe();
        assert_eq!(owned, Default::default());
        let mut fields = vec![("authorization", "Basic a".to_owned())];
        fields.wipe();
        assert_eq!(fields, [("authorization", String::new())]);
        let mut token: Cow<'_, [u8]> = Cow::Owned(b"token".to_vec());
        token.wipe();
        assert!(token.is_empty());
        let mut token = Cow::Borrowed(&b"token"[..]);
        token.wipe();
        assert_eq!(*token, *b"token");
    }

    #[test]
    fn a_token_outlives_its_request() {
        let head = b"token".to_vec();
        let kept = Secret::new(Cow::Borrowed(&head[..])).into_owned();
        drop(head);
        assert_eq!(**kept.expose(), *b"token");
    }
}
