//! Answers that Envoy makes itself, in the place of a server that it cannot reach.

use super::message::Answer;

impl Answer<'_> {
    /// Why nobody was reached, where this is Envoy's own answer: a sentence in our words, since a server could write
    /// anything. Envoy answers 503 and 504 then, and marks all that comes from a server.
    pub fn unreached(&self) -> Option<&'static str> {
        /// Envoy's words, those first that tell most.
        const WORDS: [(&str, &str); 5] = [
            ("TLS", "TLS with it failed"),
            ("no healthy upstream", "its cluster has no healthy host"),
            ("connection timeout", "no connection to it came about in time"),
            ("connection failure", "no connection to it came about"),
            ("connection termination", "the connection to it broke off"),
        ];
        if !matches!(self.status, 503 | 504) || self.text("x-envoy-upstream-service-time").is_some() {
            return None;
        }
        let body = self.body.get(..LONGEST).unwrap_or(self.body);
        let says = |word: &str| body.windows(word.len()).any(|part| part == word.as_bytes());
        let told = WORDS.iter().find(|(word, _)| says(word)).map(|(_, sentence)| *sentence);
        let usual = if self.status == 504 { "no answer came in time" } else { "no connection to it holds" };
        Some(told.unwrap_or(usual))
    }
}

/// How many bytes of an answer are looked at: Envoy's are shorter.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoys_own_answers_say_why_nobody_was_reached() {
        let connect = "upstream connect error or disconnect/reset before headers. ";
        for (status, words, expected) in [
            (503, "no healthy upstream", "its cluster has no healthy host"),
            (504, "upstream request timeout", "no answer came in time"),
            (
                503,
                &format!("{connect}reset reason: connection timeout"),
                "no connection to it came about in time",
            ),
            (
                503,
                &format!(
                    "{connect}retried and the latest reset reason: remote connection failure, transport failure \
                          reason: delayed connect error: Connection refused"
                ),
                "no connection to it came about",
            ),
            (
                503,
                &format!(
                    "{connect}reset reason: remote connection failure, transport failure reason: \
                          TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end"
                ),
                "TLS with it failed",
            ),
            (
                503,
                &format!("{connect}reset reason: connection termination"),
                "the connection to it broke off",
            ),
            (503, "\u{0}", "no connection to it holds"),
        ] {
            let answer = Answer { status, fields: &[], body: words.as_bytes() };
            assert_eq!(answer.unreached(), Some(expected), "{words}");
        }
    }

    #[test]
    fn as_much_of_an_answer_is_read_as_envoys_have() {
        let word = "no healthy upstream";
        for (before, told) in [
            (LONGEST - word.len(), "its cluster has no healthy host"),
            (LONGEST - word.len() + 1, "no connection to it holds"),
        ] {
            let body = format!("{}{word}", " ".repeat(before));
            let answer = Answer { status: 503, fields: &[], body: body.as_bytes() };
            assert_eq!(answer.unreached(), Some(told), "{before}");
        }
    }

    #[test]
    fn what_a_server_answers_is_its_own() {
        let marked = [("x-envoy-upstream-service-time".to_owned(), b"3".to_vec())];
        assert_eq!(Answer { status: 503, fields: &marked, body: b"no healthy upstream" }.unreached(), None);
        for status in [200, 404, 500, 502] {
            assert_eq!(
                Answer { status, fields: &[], body: b"no healthy upstream" }.unreached(),
                None,
                "{status}"
            );
        }
    }
}
