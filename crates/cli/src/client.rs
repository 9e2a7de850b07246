//! One question to a node, and its answer.

use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::find::Found;
use crate::text::clean;
use crate::{Error, Node};

/// How long a node may take to be reached; it is on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a question may take in all; longer than the node's own bound on an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
/// The same where everything is read or copied.
const PATIENT_TIMEOUT: Duration = Duration::from_secs(65 * 60);
/// A tree of 100 000 actors takes a third of this.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How much of a refusal a person is shown.
const MESSAGE_CHARS_MAX: usize = 400;

/// Asks one node. It follows no redirection and uses no proxy: the token is for that node alone.
pub struct Client {
    http: reqwest::Client,
    node: Found,
}

impl Client {
    /// For a node that describes itself, such as one that the caller has started.
    pub fn to(node: Node) -> Result<Self, Error> {
        let Node { url, token, .. } = node;
        let mend = "another node seems to have taken its address".to_owned();
        Self::new(Found { url, token: Some(token), mend, start: "lares up".to_owned() })
    }

    pub(crate) fn new(node: Found) -> Result<Self, Error> {
        Self::within(node, ANSWER_TIMEOUT)
    }

    /// For questions whose answer takes as long as reading all that the node keeps.
    pub(crate) fn patient(node: Found) -> Result<Self, Error> {
        Self::within(node, PATIENT_TIMEOUT)
    }

    fn within(node: Found, timeout: Duration) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(no_tls()?)
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .build()
            .map_err(|error| Error::Client(error.into()))?;
        Ok(Self { http, node })
    }

    /// Reads what lives at `path`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(self.http.get(self.url(path))).await
    }

    /// Reads what lives at `path`, whatever it is.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.answer(self.http.get(self.url(path))).await
    }

    /// Asks for something to be done. The same key again is the same request.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
        key: Option<&str>,
    ) -> Result<T, Error> {
        self.post_as("application/json", path, body, key).await
    }

    /// The same, of a body of this type.
    pub(crate) async fn post_as<T: DeserializeOwned>(
        &self,
        media: &str,
        path: &str,
        body: Vec<u8>,
        key: Option<&str>,
    ) -> Result<T, Error> {
        let request = self.http.post(self.url(path)).header("content-type", media);
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        self.ask(request.body(body)).await
    }

    /// Says what is to be at `path` from now on.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Error> {
        let request = self.http.put(self.url(path)).header("content-type", "application/json");
        self.ask(request.body(body)).await
    }

    /// Hands on what lives at `path` as it comes; nothing of it is kept.
    pub(crate) async fn copy(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut response = self.send(self.http.get(self.url(path))).await?;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.trouble(error))? {
            take(&chunk)?;
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.node.url)
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let body = self.answer(request).await?;
        serde_json::from_slice(&body).map_err(|error| self.foreign(error.into()))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Vec<u8>, Error> {
        let response = self.send(request).await?;
        self.body(response).await
    }

    /// Whatever is answered here was granted: a refusal is an error.
    async fn send(&self, mut request: RequestBuilder) -> Result<Response, Error> {
        if let Some(token) = &self.node.token {
            request = request.bearer_auth(token.expose());
        }
        let response = request.send().await.map_err(|error| self.trouble(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response).await?;
        Err(self.refusal(status, &body))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.trouble(error))? {
            if ANSWER_BYTES_MAX < body.len() + chunk.len() {
                let url = self.node.url.clone();
                return Err(Error::TooLong { url, bytes_max: ANSWER_BYTES_MAX });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn trouble(&self, error: reqwest::Error) -> Error {
        let url = self.node.url.clone();
        // Also when it lets nobody in: somebody listens there, and has no place for one more.
        if error.is_timeout() {
            return Error::Late { url };
        }
        if error.is_connect() {
            return Error::NoAnswer { url, start: self.node.start.clone() };
        }
        if error.is_builder() {
            return Error::Token { url, mend: self.node.mend.clone() };
        }
        // The address stands in our own text already.
        Error::Broken { url, source: error.without_url().into() }
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        #[derive(Deserialize)]
        struct Refusal {
            error: Story,
        }
        #[derive(Deserialize)]
        struct Story {
            message: String,
            #[serde(default)]
            details: Vec<String>,
        }

        let url = self.node.url.clone();
        if status == StatusCode::UNAUTHORIZED {
            return Error::Token { url, mend: self.node.mend.clone() };
        }
        match serde_json::from_slice::<Refusal>(body) {
            Ok(refusal) => {
                let Story { message, details } = refusal.error;
                if !details.is_empty() {
                    return Error::Faults(details.iter().map(|fault| clean(fault)).collect());
                }
                let message = clean(&message).chars().take(MESSAGE_CHARS_MAX).collect();
                match status {
                    // About what was asked for, and not about the node.
                    StatusCode::BAD_REQUEST => Error::Malformed(message),
                    StatusCode::PAYLOAD_TOO_LARGE => Error::TooBig(message),
                    StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::LOCKED => {
                        Error::NotNow(message)
                    }
                    _ => Error::Refused { url, status: status.as_u16(), message },
                }
            }
            Err(error) => self.foreign(error.into()),
        }
    }

    fn foreign(&self, source: BoxError) -> Error {
        Error::Foreign { url: self.node.url.clone(), source }
    }
}

/// TLS that trusts nobody: a node speaks plain HTTP, and the client wants to be told of some TLS.
fn no_tls() -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Client(error.into()))?;
    Ok(versions.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
