//! Request targets that somebody may read as the way to `/admin/users`, written down or put together at random.

/// What was seen to be read in two ways.
const WRITTEN: &[&str] = &[
    "/admin",
    "/admin/",
    "/admin/users",
    "/admin;x=1/users",
    "/admin;/users",
    "/admin;",
    "/%61dmin;v=2",
    "/%61dmin;v=2/users",
    "/admin/users;jsessionid=1",
    "/admin/;jsessionid=1",
    "/;jsessionid=1",
    "/admin%3bx=1/users",
    "/admin%3B/users",
    "/;x=1/admin/users",
    "/x;/../admin/users",
    "/x/..;/admin/users",
    "/x/..;a=b/admin/users",
    "/x/%2e%2e;/admin/users",
    "/.;/admin/users",
    "/admin#/x",
    "/#/../admin/users",
    "/x#/../../admin/users",
    "/admin/users#",
    "/admin?/x",
    "/x?/../admin/users",
    "/x/../admin/users",
    "/./admin/users",
    "//admin/users",
    "///admin/users",
    "/\\admin/users",
    "\\admin\\users",
    "/admin\\users",
    "/admin%2fusers",
    "/admin%5cusers",
    "/%2fadmin/users",
    "/%2e/admin/users",
    "/x/%2e%2e/admin/users",
    "/x/..%2fadmin/users",
    "/x%2f..%2fadmin/users",
    "/%61%64%6d%69%6e/users",
    "/%2561dmin/users",
    "/admin%00/users",
    "/admin%20/users",
    "/admin%09/users",
    "/admin%0a/users",
    "/admin./users",
    "/admin../users",
    "/admin+/users",
    "/admin:80/users",
    "/ADMIN/users",
    "/admin//users",
    "/admin/./users",
    "/admin/x/../users",
    "/admin/%C0%AFusers",
    "/admin\t/users",
    "/\tadmin/users",
    "http://x/admin/users",
    "http://x;/admin/users",
    "/http://x/admin/users",
    "//x/admin/users",
    "/\u{ff41}dmin/users",
    "/admin\u{2215}users",
    "/admin%u002fusers",
    "/adm%69n;a;b/users;c",
];

const BASES: &[&str] =
    &["/admin/users", "/admin/users", "/admin/users", "/admin/", "/x/../admin/users", "/x;/../admin/users"];

/// What is put in between.
const PIECES: &[&str] = &[
    ";", ";x", ";x=1", ";/", "%3b", "%3B", "%3bx", ".", "..", "/.", "/..", "/./", "/../", "/..;/", "/.;",
    "%2e", "%2E%2e", "/", "//", "%2f", "%2F", "\\", "%5c", "#", "%23", "#/", "?", "%3f", "%00", "%09", "%0a",
    "%0d", "%20", "+", "%", "%25", "%c0%af", "%c0%ae", "%252f", "%3a", ":", "@", "&", "=", ",", "~", "*",
    "!", "'", "\"", "|", "^", "[", "]", "{", "}", "\u{e9}", "%7f", "x", "/x/", "\t",
];

/// The written ones, and `count` more, always the same.
pub(super) fn targets(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let written = WRITTEN.iter().map(|target| target.as_bytes().to_vec());
    written.chain((0..count).map(|_| random.target())).collect()
}

/// Xorshift: a walk that everybody takes alike.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % bound.max(1)
    }

    fn of<'p>(&mut self, list: &[&'p str]) -> &'p str {
        list.get(self.below(list.len())).copied().unwrap_or_default()
    }

    fn target(&mut self) -> Vec<u8> {
        let mut target = self.of(BASES).as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            // The slash at its beginning stays.
            let place = 1 + self.below(target.len() - 1);
            let byte = target.get(place).copied().unwrap_or(b'x');
            let (length, piece) = match self.below(8) {
                0 => (1, format!("%{byte:02x}")),
                1 => (1, format!("%{byte:02X}")),
                2 => (1, format!("%25{byte:02x}")),
                3 => (1, char::from(byte).to_ascii_uppercase().to_string()),
                _ => (0, self.of(PIECES).to_owned()),
            };
            let end = (place + length).min(target.len());
            target.splice(place..end, piece.bytes());
        }
        target
    }
}
