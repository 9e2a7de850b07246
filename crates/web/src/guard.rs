//! Who may ask: the checks that a route is declared with. Rules, tested by table.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use domain::token::Token;
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;

/// Lets one request in, or says why not. It sees the head of the request and the node's token.
pub(crate) type Check = fn(&Token, &Parts) -> Result<(), Refusal>;

/// Lets everyone in: for routes that tell nothing and change nothing.
pub(crate) fn open(_token: &Token, _parts: &Parts) -> Result<(), Refusal> {
    Ok(())
}

/// Lets in who shows the node's token, asks on a loopback name and is no page of another origin.
///
/// The last two keep out a browser on this machine that was lured here: by a page elsewhere, or by
/// a name that was made to point at loopback.
pub(crate) fn token(token: &Token, parts: &Parts) -> Result<(), Refusal> {
    let host = asked_host(parts)?;
    own_origin(parts, host)?;
    bearer(token, parts)
}

fn asked_host(parts: &Parts) -> Result<&str, Refusal> {
    let refusal = || {
        let message = "this door answers to loopback names only: ask it as 127.0.0.1, [::1] or \
                       localhost";
        Refusal::new(StatusCode::FORBIDDEN, "foreign_host", message)
    };

    let host = only(&parts.headers, header::HOST).ok_or_else(refusal)?;
    // A request may also name the host in its first line, which then counts before the header.
    let authority = parts.uri.authority().map_or(host, |authority| authority.as_str());
    if !is_loopback(host) || !is_loopback(authority) {
        return Err(refusal());
    }
    Ok(host)
}

fn own_origin(parts: &Parts, host: &str) -> Result<(), Refusal> {
    if !parts.headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = only(&parts.headers, header::ORIGIN).and_then(|text| text.strip_prefix("http://"));
    if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let message = "pages of another origin may not ask here: leave the Origin header out, or ask \
                   from a page of this door";
    Err(Refusal::new(StatusCode::FORBIDDEN, "foreign_origin", message))
}

fn bearer(token: &Token, parts: &Parts) -> Result<(), Refusal> {
    let shown = only(&parts.headers, header::AUTHORIZATION).and_then(|text| text.split_once(' '));
    let matches = shown.is_some_and(|(scheme, word)| {
        let same: bool = word.trim().as_bytes().ct_eq(token.expose().as_bytes()).into();
        scheme.eq_ignore_ascii_case("bearer") && same
    });
    if matches {
        return Ok(());
    }
    let message = "this needs the node's token, as `Authorization: Bearer TOKEN`: it stands in \
                   node.json in the node's data folder";
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "no_token", message))
}

/// The header's value where it is there once and is text.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

/// Whether a host, with or without a port, is this machine and nothing else.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => return is_port(port) && name.parse() == Ok(Ipv6Addr::LOCALHOST),
            None => return false,
        },
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let named = name.eq_ignore_ascii_case("localhost");
    let numbered = name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback());
    is_port(port) && (named || numbered)
}

/// Whether this is nothing, or a colon and a port.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
        None => text.is_empty(),
    }
}

#[cfg(test)]
mod tests;
