//! How many published vectors there are, and what becomes of them in the proxy. The manual tells the sums.

/// For each algorithm: accepted, refused, shown to Envoy. What is not shown has no form that Envoy could be right about.
pub(crate) const EXPECTED: [(&str, usize, usize, usize); 13] = [
    ("ES256", 174, 907, 455),
    ("ES384", 193, 909, 460),
    ("ES512", 233, 633, 255),
    ("EdDSA", 89, 65, 0),
    ("HS256", 32, 148, 0),
    ("HS384", 30, 144, 0),
    ("HS512", 30, 144, 0),
    ("PS256", 198, 501, 0),
    ("PS384", 192, 243, 0),
    ("PS512", 140, 380, 0),
    ("RS256", 44, 1785, 1788),
    ("RS384", 28, 1007, 1011),
    ("RS512", 30, 1007, 1016),
];
