//! A value that must not be seen.

use core::fmt;
use std::borrow::Cow;

/// Holds a credential, a client secret or a key. `Debug` shows no part of it; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that has to send or compare it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<Cow<'_, [u8]>> {
    /// The value, for longer than what it may be borrowed from.
    pub fn into_owned(self) -> Secret<Cow<'static, [u8]>> {
        Secret(Cow::Owned(self.0.into_owned()))
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }
}
