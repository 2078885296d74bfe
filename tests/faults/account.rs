//! What a fault came to, in figures, and which of them may not be.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use kit::deadline::lock;

use crate::load::Sample;
use crate::place::{COOLDOWN, Place, TIMEOUT, WORKERS};
use crate::tokens::{Class, KEYS, QUESTIONS, asked_about};

/// How often an issuer is asked about one token while an answer lives, however many workers there are …
const QUESTIONS_PER_TOKEN: usize = 1;

/// … but for the few whose shared answer gives way to that of another token, and which each worker asks about itself.
const DISPLACED: usize = 3;

/// The first good answer comes this soon after the issuer is back.
const FIRST_SUCCESS: Duration = Duration::from_secs(5);

/// The last worker has noticed this soon.
const LAST_OUTAGE: Duration = Duration::from_secs(6);

/// How much longer than an issuer's timeout an answer may take: 200 ms, and what a busy machine adds.
const GRACE: Duration = Duration::from_millis(1200);

/// A fault: which, and when it lasted, on the clock of the load.
pub(crate) struct Span {
    pub(crate) began: Duration,
    pub(crate) healed: Duration,
    pub(crate) ended: Duration,
    /// Its place in the table.
    pub(crate) number: usize,
    /// Fetches of keys before the load began.
    pub(crate) fetched_before: usize,
}

/// The figures.
pub(crate) struct Account {
    /// Its place in the table.
    number: usize,
    name: String,
    samples: usize,
    good: usize,
    refused: usize,
    unavailable: usize,
    /// Requests that passed although nobody vouched for them.
    through: usize,
    /// Good tokens that were called bad.
    wrong: Vec<String>,
    /// Responses that no request should get, or none.
    odd: Vec<u16>,
    /// Known and signed tokens that were turned away for the time being.
    pub(crate) known_refused: usize,
    slowest: Duration,
    questions: usize,
    /// Tokens that were asked about more often than once.
    asked_again: Vec<(String, usize)>,
    fetches: usize,
    most_fetches: usize,
    first_success: Option<Duration>,
    last_outage: Duration,
    /// Whether the fault was felt at all.
    pub(crate) felt: bool,
}

impl Account {
    pub(crate) fn of(place: &Place, samples: &[Sample], span: &Span) -> Self {
        let count = |holds: &dyn Fn(&Sample) -> bool| samples.iter().filter(|sample| holds(sample)).count();
        let bad_answered = count(&|sample| !sample.class.is_good() && sample.status == 200);
        let received = place.upstream.received();
        let labels = received.iter().map(|request| request.head.get("x-label").unwrap_or_default());
        let unvouched = labels.filter(|label| !place.tokens.may_pass(label)).count();
        let mut about: HashMap<String, usize> = HashMap::new();
        for question in place.issuer.questions(QUESTIONS) {
            *about.entry(asked_about(&question)).or_default() += 1;
        }
        let questions = about.values().sum();
        about.retain(|_, times| *times > QUESTIONS_PER_TOKEN);
        let fresh = |sample: &&Sample| {
            sample.class == Class::Fresh || (sample.class == Class::Signed && !sample.outdated)
        };
        let after = |sample: &&Sample| sample.ended >= span.healed;
        let first_success = |class| {
            let good = samples
                .iter()
                .filter(|sample| sample.class == class && sample.status == 200 && !sample.outdated);
            good.filter(after).map(|sample| sample.ended - span.healed).min()
        };
        let outages = samples.iter().filter(|sample| sample.status == 503).filter(after).filter(fresh);
        let per_worker = span.ended.as_secs() / COOLDOWN.as_secs() + 2;
        Self {
            number: span.number,
            name: place.name.clone(),
            samples: samples.len(),
            good: count(&|sample| sample.status == 200),
            refused: count(&|sample| sample.status == 401),
            unavailable: count(&|sample| sample.status == 503),
            through: bad_answered.max(unvouched),
            wrong: samples
                .iter()
                .filter(|sample| sample.class.is_good() && sample.status == 401 && !sample.outdated)
                .map(|sample| sample.label.clone())
                .collect(),
            odd: samples
                .iter()
                .map(|sample| sample.status)
                .filter(|status| !matches!(status, 200 | 401 | 503))
                .collect(),
            known_refused: count(&|sample| {
                matches!(sample.class, Class::Regular | Class::Signed)
                    && !sample.outdated
                    && sample.status == 503
            }),
            slowest: samples.iter().map(|sample| sample.took).max().unwrap_or_default(),
            questions,
            asked_again: about.into_iter().collect(),
            fetches: place.issuer.asked(KEYS) - span.fetched_before,
            // The main thread has keys as well.
            most_fetches: usize::try_from(per_worker).unwrap() * (WORKERS + 1),
            first_success: first_success(Class::Fresh)
                .zip(first_success(Class::Signed))
                .map(|(one, other)| one.max(other)),
            last_outage: outages.map(|sample| sample.ended - span.healed).max().unwrap_or_default(),
            felt: samples.iter().any(|sample| {
                sample.status == 503 && sample.ended >= span.began && sample.ended <= span.healed + TIMEOUT
            }),
        }
    }

    /// What may not be, of whatever fault.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut hold = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        hold(self.through == 0, format!("{} requests went through without a verdict", self.through));
        hold(self.wrong.is_empty(), format!("good tokens were called bad: {}", self.wrong.join(" ")));
        hold(self.odd.is_empty(), format!("responses that nobody should get: {:?}", self.odd));
        hold(self.slowest <= TIMEOUT + GRACE, format!("the slowest answer took {:?}", self.slowest));
        let most = self.asked_again.iter().map(|(_, times)| *times).max().unwrap_or_default();
        hold(
            most <= WORKERS && self.asked_again.len() <= DISPLACED,
            format!("asked about more than once: {:?}", self.asked_again),
        );
        hold(
            self.fetches <= self.most_fetches,
            format!("{} fetches of keys, not {}", self.fetches, self.most_fetches),
        );
        match self.first_success {
            Some(first) => hold(first <= FIRST_SUCCESS, format!("the first success came after {first:?}")),
            None => hold(false, "no success after the fault".to_owned()),
        }
        hold(
            self.last_outage <= LAST_OUTAGE,
            format!("outages until {:?} after the fault", self.last_outage),
        );
        problems
    }
}

/// Prints a line for each fault.
pub(crate) fn print(accounts: &Mutex<Vec<Account>>) {
    let mut accounts = lock(accounts);
    accounts.sort_by_key(|account| account.number);
    if accounts.is_empty() {
        return;
    }
    let name = accounts.iter().map(|account| account.name.len()).max().unwrap_or_default();
    println!(
        "{:name$}  requests    200    401    503  let through  wrong 401  slowest  questions  key fetches (most)  first success  last 503",
        "fault under load"
    );
    for account in &*accounts {
        let milliseconds = |time: Duration| format!("{} ms", time.as_millis());
        let fetches = format!("{} ({})", account.fetches, account.most_fetches);
        println!(
            "{:name$}  {:>8} {:>6} {:>6} {:>6}  {:>11}  {:>9}  {:>7}  {:>9}  {fetches:>18}  {:>13}  {:>8}",
            account.name,
            account.samples,
            account.good,
            account.refused,
            account.unavailable,
            account.through,
            account.wrong.len(),
            milliseconds(account.slowest),
            account.questions,
            account.first_success.map_or_else(|| "never".to_owned(), milliseconds),
            milliseconds(account.last_outage),
        );
    }
}
