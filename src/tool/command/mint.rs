//! `scopegate mint`: keys, signed tokens and proofs.

use core::time::Duration;
use std::io;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::base::time::UnixTime;
use crate::base::{duration, json};
use crate::document::Node;
use crate::jose::algorithm::Algorithm;
use crate::jose::thumbprint::thumbprint;
use crate::tool::console::{Console, Exit};
use crate::tool::document;
use crate::tool::mint::{DEFAULT_RSA_BITS, PrivateKey, Subject};
use crate::tool::scenario::resolve_dates;
use crate::tool::values;

/// What to make.
#[derive(Subcommand)]
pub(in crate::tool) enum Command {
    /// Make a private key and print it as a JWK.
    Key {
        /// RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384 or HS512.
        #[arg(long)]
        alg: String,
        /// What the key is called.
        #[arg(long)]
        kid: Option<String>,
        /// The size of an RSA key.
        #[arg(long, default_value_t = DEFAULT_RSA_BITS)]
        bits: usize,
    },
    /// Print the public halves of private keys as a JWKS.
    Jwks {
        /// Files with a private JWK each.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Sign a token and print it.
    Token(Box<TokenArgs>),
    /// Sign a DPoP proof for one request with one token and print it.
    Proof(ProofArgs),
}

/// What is in a token. Options go before members of `--claims` of the same name, except `exp` and `iat`.
#[derive(Args)]
pub(in crate::tool) struct TokenArgs {
    /// A file with the private JWK that signs.
    #[arg(long, value_name = "FILE")]
    key: String,
    /// All claims as a JSON object, or @FILE; {"in": "5m"} and {"ago": "5m"} in it become dates, and an `exp` or `iat`
    /// of null is left out.
    #[arg(long, value_name = "JSON|@FILE")]
    claims: Option<String>,
    /// The issuer.
    #[arg(long)]
    iss: Option<String>,
    /// The subject.
    #[arg(long)]
    sub: Option<String>,
    /// The audience; several make an array.
    #[arg(long)]
    aud: Vec<String>,
    /// The scopes, separated by spaces.
    #[arg(long)]
    scope: Option<String>,
    /// The client.
    #[arg(long)]
    client_id: Option<String>,
    /// A file with the JWK of a client, private or public, that the token is bound to (DPoP); sets `cnf`.
    #[arg(long, value_name = "FILE")]
    dpop_key: Option<String>,
    /// How long the token is good from now on; sets `exp`, unless the claims have one.
    #[arg(long, value_name = "SPAN", default_value = "5m")]
    expires_in: String,
    /// How long ago the token was made; sets `iat`, unless the claims have one.
    #[arg(long, value_name = "SPAN", default_value = "0s")]
    issued_ago: String,
    /// The header's `typ`.
    #[arg(long, default_value = "at+jwt")]
    typ: String,
    /// More members of the header as a JSON object; a null takes a member away.
    #[arg(long, value_name = "JSON")]
    header: Option<String>,
}

/// What a proof is about, and what is in it besides.
#[derive(Args)]
pub(in crate::tool) struct ProofArgs {
    /// A file with the client's private JWK.
    #[arg(long, value_name = "FILE")]
    key: String,
    /// The request's method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// The request's URI.
    #[arg(long)]
    uri: String,
    /// The token that the request carries.
    #[arg(long)]
    token: String,
    /// The nonce that was asked for.
    #[arg(long)]
    nonce: Option<String>,
    /// How long ago the proof was made.
    #[arg(long, value_name = "SPAN", default_value = "0s")]
    issued_ago: String,
    /// More claims as a JSON object, which go before the others; a null takes a claim away.
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// More members of the header as a JSON object; a null takes a member away.
    #[arg(long, value_name = "JSON")]
    header: Option<String>,
}

/// Why nothing can be made.
enum Problem {
    /// The command was called in a wrong way.
    Usage(String),
    /// Something given does not work.
    Other(String),
}

/// Makes what `command` asks for.
pub(in crate::tool) fn run(command: &Command, console: &mut Console<'_>) -> io::Result<Exit> {
    let made = match command {
        Command::Key { alg, kid, bits } => key(alg, kid.as_deref(), *bits),
        Command::Jwks { files } => jwks(files, console),
        Command::Token(arguments) => token(arguments, console),
        Command::Proof(arguments) => proof(arguments, console),
    };
    let (exit, problem) = match made {
        Ok(text) => return writeln!(console.out, "{text}").map(|()| Exit::Good),
        Err(Problem::Usage(problem)) => (Exit::Usage, problem),
        Err(Problem::Other(problem)) => (Exit::Problems, problem),
    };
    writeln!(console.err, "{problem}")?;
    Ok(exit)
}

fn key(alg: &str, kid: Option<&str>, bits: usize) -> Result<String, Problem> {
    let algorithm = Algorithm::from_name(alg).ok_or_else(|| {
        let names: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
        Problem::Usage(format!("--alg {alg}: is no algorithm: give one of {}", names.join(", ")))
    })?;
    let key = PrivateKey::generate_with_bits(algorithm, kid, bits);
    key.map(|key| format!("{:#}", key.jwk())).map_err(|error| Problem::Other(error.to_string()))
}

fn jwks(files: &[String], console: &mut Console<'_>) -> Result<String, Problem> {
    let mut keys = Vec::new();
    for file in files {
        let key = read_key(file, console)?;
        if key.is_symmetric() {
            let warning = "the key is symmetric and has no public half: keep the output as secret as the key";
            // A warning that cannot be written is no reason to stop.
            let _ = writeln!(console.err, "warning: {file}: {warning}");
        }
        keys.push(key.public_jwk());
    }
    Ok(format!("{:#}", json!({ "keys": keys })))
}

fn token(arguments: &TokenArgs, console: &mut Console<'_>) -> Result<String, Problem> {
    let now = UnixTime::from_secs((console.clock)().as_secs());
    let claims = claims(arguments, now, console)?;
    let mut header = Map::from_iter([("typ".to_owned(), json!(arguments.typ))]);
    if let Some(text) = &arguments.header {
        header.extend(object("--header", text.as_bytes())?);
    }
    let key = read_key(&arguments.key, console)?;
    key.sign(&header, &Value::Object(claims)).map_err(|error| Problem::Other(error.to_string()))
}

fn proof(arguments: &ProofArgs, console: &mut Console<'_>) -> Result<String, Problem> {
    let ago = span_of("--issued-ago", &arguments.issued_ago)?;
    let mut claims = match &arguments.claims {
        Some(text) => object("--claims", text.as_bytes())?,
        None => Map::new(),
    };
    if let Some(nonce) = &arguments.nonce {
        claims.entry("nonce").or_insert_with(|| json!(nonce));
    }
    let header = match &arguments.header {
        Some(text) => object("--header", text.as_bytes())?,
        None => Map::new(),
    };
    let now = (console.clock)().minus(ago);
    let subject = Subject { method: &arguments.method, uri: &arguments.uri, token: &arguments.token, now };
    let key = read_key(&arguments.key, console)?;
    key.proof(&subject, &header, &claims).map_err(|error| Problem::Other(error.to_string()))
}

/// `cnf` of a token that is bound to the key in `file`.
fn confirmation(file: &str, console: &mut Console<'_>) -> Result<Value, Problem> {
    let bytes = document::load(file, console.stdin).map_err(|error| other(file, &error.to_string()))?;
    let thumbprint = thumbprint(&object(file, &bytes)?);
    let thumbprint =
        thumbprint.ok_or_else(|| other(file, "is no asymmetric key: nothing can be bound to it"))?;
    Ok(json!({ "jkt": thumbprint }))
}

fn span_of(option: &str, text: &str) -> Result<Duration, Problem> {
    duration::parse(text).ok_or_else(|| {
        let examples = duration::EXAMPLES;
        Problem::Usage(format!("{option} {text}: is not a span of time: write it like {examples}"))
    })
}

fn claims(
    arguments: &TokenArgs,
    now: UnixTime,
    console: &mut Console<'_>,
) -> Result<Map<String, Value>, Problem> {
    let mut claims = match arguments.claims.as_deref().map(|text| (text, text.strip_prefix('@'))) {
        None => Map::new(),
        Some((_, Some(file))) => {
            let bytes =
                document::load(file, console.stdin).map_err(|error| other(file, &error.to_string()))?;
            object(file, &bytes)?
        }
        Some((text, None)) => object("--claims", text.as_bytes())?,
    };
    if let Some(file) = &arguments.dpop_key {
        claims.insert("cnf".to_owned(), confirmation(file, console)?);
    }
    let audience = match arguments.aud.as_slice() {
        [] => None,
        [single] => Some(json!(single)),
        several => Some(json!(several)),
    };
    let text = |value: &Option<String>| value.as_ref().map(|value| json!(value));
    let given = [
        ("iss", text(&arguments.iss)),
        ("sub", text(&arguments.sub)),
        ("aud", audience),
        ("scope", text(&arguments.scope)),
        ("client_id", text(&arguments.client_id)),
    ];
    claims.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    for (name, direction, option, length) in [
        ("iat", "ago", "--issued-ago", &arguments.issued_ago),
        ("exp", "in", "--expires-in", &arguments.expires_in),
    ] {
        span_of(option, length)?;
        claims.entry(name).or_insert_with(|| json!({ direction: length }));
        if claims.get(name).is_some_and(Value::is_null) {
            claims.shift_remove(name);
        }
    }
    let dated = |node: &Node<'_>| resolve_dates(node, now).and_then(|claims| values::object(node, claims));
    crate::document::read("claims", &Value::Object(claims), dated)
        .map_err(|found| Problem::Usage(format!("--claims: {}", values::in_one_line(&found))))
}

fn read_key(file: &str, console: &mut Console<'_>) -> Result<PrivateKey, Problem> {
    let bytes = document::load(file, console.stdin).map_err(|error| other(file, &error.to_string()))?;
    let jwk = object(file, &bytes)?;
    PrivateKey::from_jwk(&Value::Object(jwk)).map_err(|error| other(file, &error.to_string()))
}

fn object(what: &str, text: &[u8]) -> Result<Map<String, Value>, Problem> {
    // With every `null` that was written: a token that is minted for a test may well have one.
    match json::value(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(other(what, "is not a JSON object")),
        Err(fault) => Err(other(what, &format!("is not a JSON object: {fault}"))),
    }
}

fn other(what: &str, problem: &str) -> Problem {
    Problem::Other(format!("{what}: {problem}"))
}
