//! What we may ship: the licences of everything in the graph, and crates that never enter it.

use super::demand;
use super::graph::Graph;

const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

const TLS: &str = "TLS is rustls on ring, which needs neither cmake nor a system library";
const TIME: &str = "jiff does what it does";

const BANNED: &[(&str, &str)] = &[
    ("aws-lc-fips-sys", TLS),
    ("aws-lc-rs", TLS),
    ("aws-lc-sys", TLS),
    ("chrono", TIME),
    ("native-tls", TLS),
    ("openssl", TLS),
    ("openssl-sys", TLS),
    ("tonic", "telemetry leaves over the HTTP client we have"),
];

#[test]
fn every_licence_is_one_we_may_ship() {
    let graph = Graph::load();
    let mut breaches = Vec::new();
    for package in graph.packages.values() {
        let licence = package.licence.as_deref().unwrap_or("none");
        if !is_allowed(licence) {
            breaches.push(format!("{} {}: {licence}", package.name, package.version));
        }
    }
    demand(
        &breaches,
        "find another crate or leave its feature off (`cargo tree -i CRATE` shows who wants it). A \
         licence that asks no more than those in ALLOWED in tests/suite/src/tidy/licences.rs may \
         join them.",
    );
}

#[test]
fn no_banned_crate_is_built() {
    let graph = Graph::load();
    let mut breaches = Vec::new();
    for (package, chain) in graph.built() {
        if let Some((_, reason)) = BANNED.iter().find(|(name, _)| *name == package.name) {
            breaches.push(format!("{chain}: {reason}"));
        }
    }
    demand(&breaches, "switch the feature off that brings it in; it is often a default one.");
}

/// Whether an SPDX expression leaves a choice we can take. `/` is its old way to write `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) && rest.is_empty()
}

/// Terms with `OR` between them. Both sides are read to the end, whatever the first one says.
fn any(rest: &mut &[&str]) -> bool {
    let mut allowed = all(rest);
    while take(rest, "OR") {
        allowed |= all(rest);
    }
    allowed
}

/// Terms with `AND` between them, which binds tighter.
fn all(rest: &mut &[&str]) -> bool {
    let mut allowed = term(rest);
    while take(rest, "AND") {
        allowed &= term(rest);
    }
    allowed
}

fn term(rest: &mut &[&str]) -> bool {
    if take(rest, "(") {
        let allowed = any(rest);
        return take(rest, ")") && allowed;
    }
    let Some((name, after)) = rest.split_first() else { return false };
    *rest = after;
    if take(rest, "WITH") {
        let Some((exception, after)) = rest.split_first() else { return false };
        *rest = after;
        return ALLOWED.contains(&format!("{name} WITH {exception}").as_str());
    }
    ALLOWED.contains(name)
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    match rest.split_first() {
        Some((first, after)) if *first == word => {
            *rest = after;
            true
        }
        Some(_) | None => false,
    }
}

#[test]
fn an_expression_is_allowed_when_it_leaves_a_choice() {
    let rows = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0", false),
        ("MIT OR GPL-3.0 AND GPL-2.0", true),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
        ("GPL-2.0 WITH Classpath-exception-2.0", false),
        ("none", false),
        ("", false),
    ];
    for (expression, expected) in rows {
        assert_eq!(is_allowed(expression), expected, "{expression:?}");
    }
}
