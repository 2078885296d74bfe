//! When a key set is fetched, and for how long it is used. All times are steady (see [`super::clock`]).

use core::time::Duration;

use crate::base::time::UnixTime;
use crate::policy::Fetch;

/// While an issuer has given us no key at all, the pauses between attempts grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How long a set that is due stays in use at least. Whoever looks what is due does so once a second: the fetch has
/// begun before any request meets a set that is too old.
const LEEWAY: Duration = Duration::from_secs(2);

/// The times of one fetched key set.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    refresh: Duration,
    min_refresh: Duration,
    /// When the set in use was fetched; `None` while there is none.
    fetched: Option<UnixTime>,
    /// How long the issuer lets it be used; `None` where it did not say.
    lifetime: Option<Duration>,
    /// After a failure nothing is fetched before this, whatever the reason.
    pause: Option<UnixTime>,
    /// Keys that the set does not have cause no fetch before this.
    cooldown: Option<UnixTime>,
    /// Failures since the last success.
    failures: u32,
}

impl Schedule {
    /// The times of a set that was never fetched.
    pub(super) const fn new(fetch: &Fetch) -> Self {
        Self {
            refresh: fetch.refresh,
            min_refresh: fetch.min_refresh,
            fetched: None,
            lifetime: None,
            pause: None,
            cooldown: None,
            failures: 0,
        }
    }

    /// When the set in use was fetched.
    pub(super) const fn fetched(&self) -> Option<UnixTime> {
        self.fetched
    }

    /// How long the issuer lets the set in use be used, where it said so.
    pub(super) const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// How long a set is used: as long as its issuer says, and no longer than the policy says.
    fn length(&self) -> Duration {
        self.lifetime.unwrap_or(self.refresh).min(self.refresh)
    }

    /// When the set is fetched anew, whether or not anybody asks: early by a tenth to a fifth of the time that it has,
    /// and never before `min_refresh`. `spread` (0 to 255) keeps workers apart.
    fn due_after(&self, spread: u8) -> Duration {
        let tenth = self.length() / 10;
        let early = tenth + tenth * u32::from(spread) / 256;
        self.length().saturating_sub(early).max(self.min_refresh)
    }

    /// Whether the set is there, and has to be fetched before it is used again.
    pub(super) fn is_stale(&self, now: UnixTime) -> bool {
        let usable = self.length().max(self.due_after(0) + LEEWAY);
        self.fetched.is_some_and(|fetched| now >= fetched.plus(usable))
    }

    /// Whether the set is to be fetched in the background.
    pub(super) fn is_due(&self, spread: u8, now: UnixTime) -> bool {
        let due = |fetched: UnixTime| now >= fetched.plus(self.due_after(spread));
        self.fetched.is_none_or(due) && !self.is_pausing(now)
    }

    /// Whether it is too early for another attempt after one that failed.
    pub(super) fn is_pausing(&self, now: UnixTime) -> bool {
        self.pause.is_some_and(|until| now < until)
    }

    /// How long that lasts.
    pub(super) fn pause(&self, now: UnixTime) -> Duration {
        self.pause.map_or(Duration::ZERO, |until| until.since(now))
    }

    /// Whether a set that is too old is in use still with whoever said so at `vouched`: they try to fetch it as often as
    /// `min_refresh` lets them, and say so each time.
    pub(super) fn is_vouched(&self, vouched: UnixTime, now: UnixTime) -> bool {
        now < vouched.plus(self.min_refresh * 2)
    }

    /// Whether a key that is not in the set may have it fetched.
    pub(super) fn may_seek(&self, now: UnixTime) -> bool {
        !self.has_sought(now) && !self.is_pausing(now)
    }

    /// Whether it was fetched for such a key not long ago, or is about to be.
    pub(super) fn has_sought(&self, now: UnixTime) -> bool {
        self.cooldown.is_some_and(|until| now < until)
    }

    /// Such a fetch is begun, here or by another worker at `now`: the next one has to wait.
    pub(super) fn seek(&mut self, now: UnixTime) {
        self.cooldown = Some(now.plus(self.min_refresh));
    }

    /// Whether the last attempt failed.
    pub(super) const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// A set was fetched at `at`, good for `lifetime` by its issuer's word.
    pub(super) const fn succeed(&mut self, at: UnixTime, lifetime: Option<Duration>) {
        self.fetched = Some(at);
        self.lifetime = lifetime;
        self.pause = None;
        self.failures = 0;
    }

    /// An attempt failed. While there is a set, attempts keep the distance that refreshes keep. Without one the first
    /// failure is followed by a second attempt at once, later ones by growing pauses.
    pub(super) fn fail(&mut self, now: UnixTime) {
        let pause = match (self.fetched, self.failures) {
            (Some(_), _) => self.min_refresh,
            (None, 0) => Duration::ZERO,
            (None, failures) => {
                (Duration::from_millis(500) * 2u32.saturating_pow(failures)).min(LONGEST_PAUSE)
            }
        };
        self.pause = Some(now.plus(pause));
        // Nobody's key was looked for.
        self.cooldown = None;
        self.failures = self.failures.saturating_add(1);
    }

    /// Everything that happened so far is as it was for `other`; what becomes of it is for these terms to say.
    pub(super) const fn take_over(&mut self, other: &Self) {
        self.fetched = other.fetched;
        self.lifetime = other.lifetime;
        self.pause = other.pause;
        self.cooldown = other.cooldown;
        self.failures = other.failures;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::uri::Uri;
    use crate::policy::KeySource;

    const fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn schedule(refresh: u64, min_refresh: u64) -> Schedule {
        Schedule::new(&Fetch {
            source: KeySource::Uri(Uri::parse("https://idp.example.com/jwks").unwrap()),
            cluster: "idp".into(),
            timeout: Duration::from_secs(2),
            refresh: Duration::from_secs(refresh),
            min_refresh: Duration::from_secs(min_refresh),
        })
    }

    fn fetched(refresh: u64, min_refresh: u64, lifetime: Option<u64>) -> Schedule {
        let mut schedule = schedule(refresh, min_refresh);
        schedule.succeed(at(0), lifetime.map(Duration::from_secs));
        schedule
    }

    /// The second at which the set becomes due, and the one at which it becomes too old.
    fn ends(schedule: &Schedule, spread: u8) -> (i64, i64) {
        let first = |is: &dyn Fn(i64) -> bool| (0..200_000).find(|second| is(*second)).unwrap();
        (first(&|s| schedule.is_due(spread, at(s))), first(&|s| schedule.is_stale(at(s))))
    }

    #[test]
    fn a_set_is_due_early_by_a_part_of_the_time_that_it_has() {
        for (refresh, min_refresh, lifetime, late, early, stale) in [
            (600, 30, None, 540, 481, 600),
            (600, 30, Some(300), 270, 241, 300),
            (600, 30, Some(86_400), 540, 481, 600),
            (86_400, 30, Some(3600), 3240, 2882, 3600),
            (86_400, 30, None, 77_760, 69_154, 86_400),
            // What the issuer would have fetched more often than that.
            (600, 30, Some(0), 30, 30, 32),
            (600, 30, Some(15), 30, 30, 32),
            (600, 30, Some(34), 31, 30, 34),
            (1, 1, None, 1, 1, 3),
        ] {
            let schedule = fetched(refresh, min_refresh, lifetime);
            let told = format!("{refresh} {min_refresh} {lifetime:?}");
            assert_eq!(ends(&schedule, 0), (late, stale), "{told}");
            assert_eq!(ends(&schedule, 255), (early, stale), "{told}");
        }
    }

    #[test]
    fn a_pause_holds_back_every_fetch_and_a_cooldown_those_for_unknown_keys() {
        let mut schedule = fetched(600, 30, None);
        schedule.fail(at(700));
        schedule.seek(at(700));
        assert!(schedule.is_pausing(at(729)) && !schedule.may_seek(at(729)) && schedule.is_failing());
        assert!(!schedule.is_pausing(at(730)) && schedule.may_seek(at(730)));
        assert_eq!((schedule.pause(at(701)).as_secs(), schedule.pause(at(730)).as_secs()), (29, 0));
        schedule.succeed(at(730), None);
        schedule.seek(at(730));
        assert!(!schedule.is_pausing(at(730)) && !schedule.may_seek(at(759)) && schedule.may_seek(at(760)));
        // Another worker had more luck.
        schedule.fail(at(800));
        schedule.succeed(at(801), None);
        assert!(!schedule.is_pausing(at(801)) && !schedule.is_failing());
    }

    #[test]
    fn without_a_set_pauses_grow_and_no_longer_than_four_seconds() {
        let mut schedule = schedule(600, 30);
        let pauses = (0..12).map(|_| {
            schedule.fail(at(0));
            schedule.pause(at(0)).as_millis()
        });
        assert_eq!(pauses.collect::<Vec<_>>()[..6], [0, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(schedule.pause(at(0)), LONGEST_PAUSE);
    }

    #[test]
    fn an_old_set_counts_for_twice_the_time_in_which_others_try_again() {
        let schedule = fetched(600, 30, None);
        let millis = |millis| UnixTime::from_millis(millis);
        assert!(schedule.is_vouched(at(700), millis(759_999)) && !schedule.is_vouched(at(700), at(760)));
    }

    #[test]
    fn all_that_happened_goes_over_and_the_terms_do_not() {
        let mut before = fetched(600, 30, Some(300));
        before.fail(at(280));
        before.seek(at(290));
        let mut after = schedule(1000, 10);
        after.take_over(&before);
        assert_eq!((after.fetched(), after.lifetime()), (Some(at(0)), Some(Duration::from_secs(300))));
        assert!(after.is_pausing(at(309)) && !after.is_pausing(at(310)) && after.is_failing());
        assert!(!after.may_seek(at(319)) && after.may_seek(at(320)));
        assert_eq!(ends(&after, 0), (310, 300));
        after.fail(at(320));
        assert_eq!(after.pause(at(320)).as_secs(), 10);
    }
}
