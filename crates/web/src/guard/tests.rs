use axum::http::Request;
use domain::token::Token;

use super::token;

/// Checks one head, written as `name: value` lines after the target, and returns the code of the
/// refusal or `in`.
fn check(target: &str, headers: &[(&str, &str)]) -> &'static str {
    let mut request = Request::builder().uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).expect("the row is a request").into_parts();
    match token(&Token::new("open-sesame"), &parts) {
        Ok(()) => "in",
        Err(refusal) => refusal.code,
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer open-sesame");

#[test]
fn only_loopback_hosts_are_answered() {
    let rows = [
        ("127.0.0.1", "in"),
        ("127.0.0.1:7878", "in"),
        ("127.8.9.10:1", "in"),
        ("localhost", "in"),
        ("LocalHost:7878", "in"),
        ("[::1]", "in"),
        ("[::1]:7878", "in"),
        ("", "foreign_host"),
        ("example.org", "foreign_host"),
        ("localhost.example.org", "foreign_host"),
        ("127.0.0.1.example.org", "foreign_host"),
        ("192.168.0.1:7878", "foreign_host"),
        ("0.0.0.0:7878", "foreign_host"),
        ("[::]", "foreign_host"),
        ("[::1", "foreign_host"),
        ("[::1]7878", "foreign_host"),
        ("::1", "foreign_host"),
        ("127.1", "foreign_host"),
        ("0127.0.0.1", "foreign_host"),
        ("localhost:", "foreign_host"),
        ("localhost:+80", "foreign_host"),
        ("localhost:99999", "foreign_host"),
        ("localhost:80:80", "foreign_host"),
        ("evil@localhost", "foreign_host"),
    ];
    for (host, expected) in rows {
        assert_eq!(check("/v1/tree", &[("host", host), BEARER]), expected, "{host:?}");
    }
}

#[test]
fn a_host_must_be_named_once_and_the_first_line_counts_too() {
    assert_eq!(check("/", &[BEARER]), "foreign_host");
    assert_eq!(check("/", &[("host", "localhost"), ("host", "localhost"), BEARER]), "foreign_host");
    assert_eq!(check("http://localhost/", &[("host", "localhost"), BEARER]), "in");
    assert_eq!(check("http://example.org/", &[("host", "localhost"), BEARER]), "foreign_host");
}

#[test]
fn only_the_origin_that_was_asked_may_ask() {
    let rows = [
        ("http://localhost:7878", "in"),
        ("http://LOCALHOST:7878", "in"),
        ("http://localhost", "foreign_origin"),
        ("http://localhost:7879", "foreign_origin"),
        ("http://127.0.0.1:7878", "foreign_origin"),
        ("https://localhost:7878", "foreign_origin"),
        ("http://example.org", "foreign_origin"),
        ("null", "foreign_origin"),
        ("", "foreign_origin"),
    ];
    for (origin, expected) in rows {
        let headers = [("host", "localhost:7878"), ("origin", origin), BEARER];
        assert_eq!(check("/v1/tree", &headers), expected, "{origin:?}");
    }
}

#[test]
fn only_the_token_opens() {
    let rows = [
        ("Bearer open-sesame", "in"),
        ("bearer open-sesame", "in"),
        ("Bearer  open-sesame", "in"),
        ("Bearer open-sesam", "no_token"),
        ("Bearer open-sesame2", "no_token"),
        ("Bearer open-sesamf", "no_token"),
        ("Bearer", "no_token"),
        ("Bearer ", "no_token"),
        ("", "no_token"),
        ("open-sesame", "no_token"),
        ("Basic open-sesame", "no_token"),
    ];
    for (shown, expected) in rows {
        let headers = [("host", "localhost"), ("authorization", shown)];
        assert_eq!(check("/v1/tree", &headers), expected, "{shown:?}");
    }
    assert_eq!(check("/v1/tree", &[("host", "localhost"), BEARER, BEARER]), "no_token");
    assert_eq!(check("/v1/tree", &[("host", "localhost")]), "no_token");
}
