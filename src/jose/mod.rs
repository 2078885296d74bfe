//! Signed objects; the words "scope" and "OAuth" do not occur.
