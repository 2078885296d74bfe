//! DPoP proofs (RFC 9449 section 4): that whoever sends a token holds the key that it is bound to.

use core::fmt;
use core::time::Duration;

use serde_json::Value;

use super::binding::Thumbprint;
use super::claims;
use super::expect::is_media_type;
use super::fault::TokenFault;
use crate::base::base64url;
use crate::base::json::Object;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::head::RequestHead;
use crate::http::target::TargetUri;
use crate::jose::algorithm::Algorithms;
use crate::jose::backend::Accelerator;
use crate::jose::fault::JoseFault;
use crate::jose::hash::HashName;
use crate::jose::jws::Unverified;
use crate::jose::possession::{self, PossessionFault};

/// The field that a proof stands in, in lower case.
pub const FIELD: &str = "dpop";

/// The longest proof that is looked at, in bytes; there is room for the largest key and its signature.
pub const LONGEST: usize = 8 * 1024;

/// The longest `jti`, in bytes.
const LONGEST_ID: usize = 256;

const TYPE: &str = "dpop+jwt";

/// What proofs have to be like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// How they may be signed; symmetric algorithms never.
    pub algorithms: Algorithms,
    /// How long ago a proof may have been made.
    pub lifetime: Duration,
    /// How far the client's clock may be off, either way.
    pub clock_skew: Duration,
}

/// What a DPoP credential comes with besides the token: the proof, and what of the request it speaks of.
pub struct Presented {
    proof: Field,
    method: Vec<u8>,
    target: Option<TargetUri>,
}

enum Field {
    Absent,
    One(Secret<Vec<u8>>),
    TooLong,
    Several,
}

/// A proof that is good, if it is the first of its kind.
pub struct Proven {
    /// The key that signed it.
    pub key: Thumbprint,
    /// When it was made, by the client's clock.
    pub made: UnixTime,
    /// From when on it is too old.
    pub until: UnixTime,
    /// What no two proofs for one target have in common: key, `jti` and target, with nothing left between them.
    pub identity: Vec<u8>,
}

/// Why a proof is not good. No variant carries any text of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofFault {
    /// The JWS, its key or its signature.
    Possession(PossessionFault),
    /// Something else, said in a few words.
    Wrong(&'static str),
}

impl Presented {
    /// The proof in `head`, for the request whose URI is `target`.
    pub fn of(head: &RequestHead<'_>, target: Option<TargetUri>) -> Self {
        let mut values = head.values(FIELD.as_bytes());
        let proof = match (values.next(), values.next()) {
            (None, _) => Field::Absent,
            (Some(_), Some(_)) => Field::Several,
            (Some(proof), None) if proof.len() > LONGEST => Field::TooLong,
            (Some(proof), None) => Field::One(Secret::new(proof.to_vec())),
        };
        Self { proof, method: head.method.to_vec(), target }
    }

    /// Whether the proof is good for this request with `token` at `now` (RFC 9449 section 4.3), but for whether it was
    /// seen before. With `nonces` it has to hold one of them; without any it may hold what it likes.
    ///
    /// # Errors
    /// `BindingUnproven` without a proof, `ProofInvalid`, and `NonceMissing` where nothing is wrong but the nonce.
    pub fn check(
        &self,
        token: &[u8],
        terms: &Terms,
        nonces: &[String],
        now: UnixTime,
        accelerator: &dyn Accelerator,
    ) -> Result<Proven, TokenFault> {
        let proof = match &self.proof {
            Field::Absent => return Err(TokenFault::BindingUnproven),
            Field::Several => return Err(wrong("there is more than one")),
            Field::TooLong => return Err(wrong("it is too long")),
            Field::One(proof) => proof.expose(),
        };
        let jws = Unverified::parse(proof).map_err(ProofFault::from)?;
        if jws.typ().is_none_or(|typ| !is_media_type(typ, TYPE)) {
            return Err(wrong("its typ is not dpop+jwt"));
        }
        let possession = possession::prove(jws, terms.algorithms, accelerator).map_err(ProofFault::from)?;
        let claims = possession.claims();
        let target = self.target.as_ref().ok_or(wrong("the request has no URI that one could be about"))?;
        if text(claims, "htm").is_none_or(|method| method.as_bytes() != self.method) {
            return Err(wrong("its htm is not the method"));
        }
        if text(claims, "htu").and_then(TargetUri::parse).as_ref() != Some(target) {
            return Err(wrong("its htu is not the URI of the request"));
        }
        if text(claims, "ath") != Some(&token_hash(token)) {
            return Err(wrong("its ath is not the hash of the token"));
        }
        let id = text(claims, "jti").filter(|id| (1..=LONGEST_ID).contains(&id.len()));
        let id = id.ok_or(wrong("it has no jti, or one that is empty or too long"))?;
        let (made, until) = window(claims, terms, now)?;
        if !nonces.is_empty()
            && !text(claims, "nonce").is_some_and(|nonce| nonces.iter().any(|one| one == nonce))
        {
            return Err(TokenFault::NonceMissing);
        }
        let key = possession.thumbprint();
        let length = (id.len() as u64).to_le_bytes();
        let identity = [&key[..], &length, id.as_bytes(), target.as_str().as_bytes()].concat();
        Ok(Proven { key, made, until, identity })
    }
}

/// `ath` for `token` (RFC 9449 section 4.2).
pub fn token_hash(token: &[u8]) -> String {
    base64url::encode(HashName::Sha256.digest(&[token]))
}

/// When the proof was made, and from when on it is too old.
fn window(claims: &Object, terms: &Terms, now: UnixTime) -> Result<(UnixTime, UnixTime), TokenFault> {
    let made =
        claims::time(claims, "iat").ok().flatten().ok_or(wrong("it has no iat, or one that is no time"))?;
    let until = made.plus(terms.lifetime).plus(terms.clock_skew);
    if made > now.plus(terms.clock_skew) {
        return Err(wrong("its iat is in the future"));
    }
    if now >= until {
        return Err(wrong("its iat is too long ago"));
    }
    Ok((made, until))
}

fn text<'c>(claims: &'c Object, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}

const fn wrong(what: &'static str) -> TokenFault {
    TokenFault::ProofInvalid(ProofFault::Wrong(what))
}

impl From<JoseFault> for ProofFault {
    fn from(fault: JoseFault) -> Self {
        Self::Possession(PossessionFault::Jws(fault))
    }
}

impl From<PossessionFault> for ProofFault {
    fn from(fault: PossessionFault) -> Self {
        Self::Possession(fault)
    }
}

impl From<ProofFault> for TokenFault {
    fn from(fault: ProofFault) -> Self {
        Self::ProofInvalid(fault)
    }
}

impl fmt::Display for ProofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Possession(fault) => write!(f, "{fault}"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::backend::NoAccelerator;

    /// RFC 9449 section 7.1, figure 12.
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    const MADE: UnixTime = UnixTime::from_secs(1_562_262_618);
    const TERMS: Terms = Terms {
        algorithms: Algorithms::ASYMMETRIC,
        lifetime: Duration::from_secs(60),
        clock_skew: Duration::from_secs(5),
    };

    fn presented(proofs: &[&str]) -> Presented {
        let fields = proofs.iter().map(|proof| (&b"dpop"[..], proof.as_bytes()));
        let head = RequestHead::from_pairs([(&b":method"[..], &b"GET"[..])].into_iter().chain(fields));
        Presented::of(&head, TargetUri::parse("https://Resource.Example.org:443/protectedresource?a=b"))
    }

    fn check(proofs: &[&str], now: UnixTime) -> Result<Proven, TokenFault> {
        presented(proofs).check(TOKEN.as_bytes(), &TERMS, &[], now, &NoAccelerator)
    }

    fn problem(proofs: &[&str], now: UnixTime) -> String {
        check(proofs, now).err().map(|fault| fault.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_example_of_the_rfc_is_good_for_as_long_as_it_may_be() {
        let proven = check(&[PROOF], MADE).ok().unwrap();
        // `jkt` of section 6.1.
        assert_eq!(base64url::encode(proven.key), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!((proven.made, proven.until), (MADE, MADE.plus(Duration::from_secs(65))));
        let moment = Duration::from_millis(1);
        for (now, problem_at) in [
            (MADE.minus(Duration::from_secs(5)), ""),
            (
                MADE.minus(Duration::from_secs(5)).minus(moment),
                "the proof is not good: its iat is in the future",
            ),
            (MADE.plus(Duration::from_secs(65)).minus(moment), ""),
            (MADE.plus(Duration::from_secs(65)), "the proof is not good: its iat is too long ago"),
        ] {
            assert_eq!(problem(&[PROOF], now), problem_at, "{now}");
        }
    }

    #[test]
    fn there_is_exactly_one() {
        assert_eq!(check(&[], MADE).err(), Some(TokenFault::BindingUnproven));
        assert_eq!(problem(&[PROOF, PROOF], MADE), "the proof is not good: there is more than one");
        assert!(
            problem(&[&format!("{PROOF},{PROOF}")], MADE).starts_with("the proof is not good: malformed")
        );
        assert!(problem(&[""], MADE).starts_with("the proof is not good: malformed"));
        let longest = "a".repeat(LONGEST);
        assert!(problem(&[&longest], MADE).starts_with("the proof is not good: malformed"));
        let long = "a".repeat(LONGEST + 1);
        assert_eq!(problem(&[&long], MADE), "the proof is not good: it is too long");
    }

    #[test]
    fn it_is_for_this_request_and_this_token() {
        let of = |method: &'static [u8], uri: &str, token: &str| {
            let head = RequestHead::from_pairs([(&b":method"[..], method), (b"dpop", PROOF.as_bytes())]);
            let presented = Presented::of(&head, TargetUri::parse(uri));
            let fault = presented.check(token.as_bytes(), &TERMS, &[], MADE, &NoAccelerator).err();
            fault.map(|fault| fault.to_string()).unwrap_or_default()
        };
        let uri = "https://resource.example.org/protectedresource";
        assert_eq!(of(b"GET", uri, TOKEN), "");
        assert!(of(b"get", uri, TOKEN).ends_with("its htm is not the method"));
        assert!(of(b"POST", uri, TOKEN).ends_with("its htm is not the method"));
        assert!(of(b"GET", uri, "another").ends_with("its ath is not the hash of the token"));
        assert!(of(b"GET", "", TOKEN).ends_with("the request has no URI that one could be about"));
        for other in ["http://resource.example.org/protectedresource", "https://resource.example.org/other"] {
            assert!(of(b"GET", other, TOKEN).ends_with("its htu is not the URI of the request"), "{other}");
        }
    }

    #[test]
    fn nothing_of_a_proof_is_shown() {
        assert!(!format!("{:?}", presented(&[PROOF])).contains("eyJ"));
    }
}
