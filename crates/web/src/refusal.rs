//! What a caller is told when it does not get what it asked for.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::journal::{self, Undeliverable};
use serde::Serialize;

/// One refusal: `{"error": {"code", "message", "details"}}` under its status.
///
/// Programs read `code`, which never changes; people read `message`, which says what to do, and
/// `details` where it is about several things at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<String>,
}

/// In seconds: what is full or away is so for moments, or until somebody acts.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new() }
    }

    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let message = format!(
            "a request may bring {bytes_max} bytes, which is the most: keep what is big in files, \
             and name them"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }

    /// Something is wrong with the journal, and whoever asks here is who has to look at it.
    pub(crate) fn journal(error: &(dyn std::error::Error + 'static)) -> Self {
        let told = chain(error);
        tracing::error!(error = told, "the journal could not say");
        let message = format!("the journal could not say: {told}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "journal", message)
    }
}

/// An error with all that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told += &format!(": {error}");
        cause = error.source();
    }
    told
}

impl From<journal::Error> for Refusal {
    fn from(error: journal::Error) -> Self {
        match &error {
            journal::Error::Unavailable(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error.to_string())
            }
            journal::Error::Unreadable { .. }
            | journal::Error::Spoiled { .. }
            | journal::Error::Unkept(_)
            | journal::Error::TooBig(_)
            | journal::Error::Store(_) => Self::journal(&error),
        }
    }
}

impl From<Undeliverable> for Refusal {
    fn from(refusal: Undeliverable) -> Self {
        let (status, code) = match &refusal {
            Undeliverable::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
            Undeliverable::Closed(_) => (StatusCode::CONFLICT, "closed"),
            Undeliverable::Quarantined { .. } => (StatusCode::LOCKED, "quarantined"),
            Undeliverable::Full(_) => (StatusCode::TOO_MANY_REQUESTS, "full"),
        };
        Self::new(status, code, refusal.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: Story,
        }
        #[derive(Serialize)]
        struct Story {
            code: &'static str,
            message: String,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            details: Vec<String>,
        }

        let Refusal { code, message, details, .. } = self;
        let body = Body { error: Story { code, message, details } };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        if [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&self.status) {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
