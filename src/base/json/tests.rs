use super::*;

#[test]
fn a_member_that_stands_twice_is_refused_at_any_depth() {
    assert!(object(br#"{"a":1,"b":{"c":[{"d":1}]}}"#).is_ok());
    for text in [&br#"{"a":1,"a":1}"#[..], br#"{"b":{"c":[{"d":1,"d":2}]}}"#, br#"{"a":1,"\u0061":2}"#] {
        assert_eq!(object(text).unwrap_err().problem, DUPLICATE);
        assert_eq!(Members::read(text).map(drop).unwrap_err().problem, DUPLICATE);
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    assert!(value(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(value(&nested(MAX_DEPTH + 1)).unwrap_err().problem, TOO_DEEP);
    assert!(value(&b"[".repeat(1_000_000)).is_err());
    let inside = |depth: usize| [b"{\"a\":", &nested(depth)[..], b"}"].concat();
    assert!(object(&inside(MAX_DEPTH - 1)).is_ok() && Members::read(&inside(MAX_DEPTH - 1)).is_ok());
    assert!(object(&inside(MAX_DEPTH)).is_err() && Members::read(&inside(MAX_DEPTH)).is_err());
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for text in [
        &b""[..],
        b"[]",
        b"1",
        b"{}{}",
        b"{} x",
        b"{\"a\":}",
        b"{\"a\":NaN}",
        b"{\"a\":\"\xff\"}",
        b"{'a':1}",
    ] {
        assert!(object(text).is_err() && Members::read(text).is_err());
    }
}

#[test]
fn a_member_that_stands_twice_among_many_is_refused() {
    for count in [2, 16, 17, 3000] {
        let named = |name: usize| format!("\"{name}\":0");
        let names: Vec<String> = (0..count).map(named).collect();
        let text = |last: usize| format!("{{{},{}}}", names.join(","), named(last));
        assert!(Members::read(text(count).as_bytes()).is_ok(), "{count}");
        for last in [0, count / 2, count - 1] {
            assert!(Members::read(text(last).as_bytes()).is_err(), "{last} of {count}");
        }
    }
}

#[test]
fn members_are_found_by_their_names() {
    let mut members = Members::read(br#"{"a":1,"\u0062":{"c":2}}"#).unwrap();
    assert_eq!((members.get("a"), members.get("c")), (Some(&1.into()), None));
    assert_eq!(members.take("b"), Some(serde_json::json!({"c": 2})));
}

#[test]
fn a_fault_tells_its_place() {
    let place = |text: &[u8]| object(text).map(drop).unwrap_err().to_string();
    assert_eq!(place(b"{\n \"a\": \"\xff\"}"), "not UTF-8 (line 2, column 8)");
    assert_eq!(place(b"{\n \"a\": }"), "not JSON (line 2, column 7)");
}

#[test]
fn the_fault_does_not_quote_the_text() {
    let fault = object(br#"{"password":hunter2}"#).unwrap_err().to_string();
    assert!(!fault.contains("hunter") && fault.contains("line 1"), "{fault}");
}

#[test]
fn a_member_that_is_null_is_absent_at_any_depth() {
    let text = br#"{"a":null,"b":{"c":null,"d":1},"e":[null,{"f":null}]}"#;
    let expected = serde_json::json!({"b": {"d": 1}, "e": [null, {}]});
    assert_eq!(object(text).map(Value::Object), Ok(expected.clone()));
    assert_eq!(object_with_list(text, "e").map(Value::Object), Ok(expected));
    assert_eq!(value(text).unwrap()["a"], Value::Null);
    assert_eq!(value(text).unwrap().as_object().unwrap().len(), 3, "a policy keeps what its author wrote");
    let outside = serde_json::json!({"a": null, "b": {"d": 1}, "e": [null, {}]});
    assert_eq!(object_with_nulls(text).map(Value::Object), Ok(outside));
    assert!(object_with_nulls(b"[]").is_err() && object_with_nulls(b"null").is_err());
    let mut members = Members::read(text).unwrap();
    assert_eq!(members.get("a"), None);
    assert_eq!(members.take("b"), Some(serde_json::json!({"d": 1})));
    for twice in [&br#"{"a":null,"a":1}"#[..], br#"{"a":1,"a":null}"#, br#"{"a":{"b":null,"b":null}}"#] {
        assert_eq!(object(twice).unwrap_err().problem, DUPLICATE);
        assert_eq!(Members::read(twice).map(drop).unwrap_err().problem, DUPLICATE);
    }
}

#[test]
fn an_element_of_a_list_in_which_a_member_stands_twice_spoils_no_other() {
    let read = |text: &[u8]| object_with_list(text, "keys").map(Value::Object);
    let text = br#"{"keys":[{"a":1,"a":1},{"a":1},{"b":[{"c":{"a":1,"a":2}}]},7,{"a":2}],"b":null,"c":1}"#;
    let expected = serde_json::json!({"keys": [null, {"a": 1}, null, 7, {"a": 2}], "c": 1});
    assert_eq!(read(text), Ok(expected));
    assert_eq!(read(br#"{"a":1}"#), Ok(serde_json::json!({"a": 1})));
    for text in [
        &br#"{"keys":[],"keys":[]}"#[..],
        br#"{"a":1,"keys":[],"a":1}"#,
        br#"{"keys":[{"a":1}],"b":{"a":1,"a":1}}"#,
        br#"{"b":[{"a":1,"a":1}],"keys":[]}"#,
        br#"{"a":null,"a":null}"#,
    ] {
        assert_eq!(object_with_list(text, "keys").unwrap_err().problem, DUPLICATE);
    }
    for text in [&br#"{"keys":{}}"#[..], br#"{"keys":null}"#, br#"{"keys":"a"}"#, b"[]", br#"{"keys":[]} x"#]
    {
        assert!(read(text).is_err());
    }
    let nested = |depth: usize| [b"{\"keys\":", &b"[".repeat(depth)[..], &b"]".repeat(depth), b"}"].concat();
    assert!(read(&nested(MAX_DEPTH - 1)).is_ok());
    assert_eq!(object_with_list(&nested(MAX_DEPTH), "keys").unwrap_err().problem, TOO_DEEP);
}
