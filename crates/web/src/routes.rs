//! What can be asked, each route declared together with the check it makes of its caller.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, RequestExt, Router};
use domain::conversation::Sessions;
use domain::run::Runs;
use domain::token::Token;
use domain::tree::{self, Census};
use serde::Serialize;

use crate::Options;
use crate::guard::{self, Check};
use crate::refusal::Refusal;
use crate::{runs, sessions};

/// Everything the door can be asked.
pub(crate) fn all(options: &Options, token: Token, ports: Ports) -> Router {
    Routes::new(options, token, ports)
        .checked("/livez", get(livez), guard::open)
        .checked("/readyz", get(readyz), guard::open)
        .route("/v1/tree", get(whole_tree))
        .route("/v1/runs", get(runs::list).post(runs::open))
        .route("/v1/runs/{run}", get(runs::show))
        .route("/v1/runs/{run}/cancel", post(runs::cancel))
        .route("/v1/runs/{run}/replay", post(runs::replay))
        .route("/v1/runs/{run}/steps/{step}/settle", post(runs::settle))
        .route("/v1/doubts", get(runs::doubts))
        .route("/v1/turns", post(sessions::begin))
        .route("/v1/sessions/{session}", get(sessions::show))
        .route("/v1/sessions/{session}/turns", post(sessions::say))
        .close()
}

/// What the door shows and takes.
pub struct Ports {
    pub census: Arc<dyn Census>,
    pub runs: Arc<dyn Runs>,
    pub sessions: Arc<dyn Sessions>,
}

/// What every route may look at.
pub(crate) struct Desk {
    token: Token,
    census: Arc<dyn Census>,
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) sessions: Arc<dyn Sessions>,
    body_bytes_max: usize,
    request_timeout: Duration,
}

/// A router under construction: nothing enters it without a check.
struct Routes {
    router: Router<Arc<Desk>>,
    desk: Arc<Desk>,
}

impl Routes {
    fn new(options: &Options, token: Token, ports: Ports) -> Self {
        let Ports { census, runs, sessions } = ports;
        let desk = Desk {
            token,
            census,
            runs,
            sessions,
            body_bytes_max: options.body_bytes_max,
            request_timeout: options.request_timeout,
        };
        Self { router: Router::new(), desk: Arc::new(desk) }
    }

    /// A route for who shows the node's token.
    fn route(self, path: &str, methods: MethodRouter<Arc<Desk>>) -> Self {
        self.checked(path, methods, guard::token)
    }

    /// A route with a check of its own.
    fn checked(self, path: &str, methods: MethodRouter<Arc<Desk>>, check: Check) -> Self {
        let guarded = self.guard(methods.fallback(wrong_method), check);
        Self { router: self.router.route(path, guarded), ..self }
    }

    /// Ends the list: what is not on it needs the token too, so a stranger learns nothing of it.
    fn close(self) -> Router {
        let unknown = self.guard(any(unknown_path), guard::token);
        self.router
            .fallback_service(unknown.with_state(Arc::clone(&self.desk)))
            .layer(DefaultBodyLimit::max(self.desk.body_bytes_max))
            .layer(from_fn_with_state(Arc::clone(&self.desk), in_time))
            .with_state(self.desk)
    }

    /// The layer goes around the methods and around their fallback, so a wrong method is as
    /// guarded as a right one.
    fn guard(&self, methods: MethodRouter<Arc<Desk>>, check: Check) -> MethodRouter<Arc<Desk>> {
        methods.layer(from_fn_with_state((Arc::clone(&self.desk), check), let_in))
    }
}

async fn let_in(
    State((desk, check)): State<(Arc<Desk>, Check)>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    check(&desk.token, &parts)?;

    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    if desk.body_bytes_max < announced {
        let message = format!("a request may bring {} bytes at most", desk.body_bytes_max);
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message));
    }
    // A body that announces nothing is cut at the same bound while it is read.
    let request = Request::from_parts(parts, body).with_limited_body();
    Ok(next.run(request).await)
}

async fn in_time(
    State(desk): State<Arc<Desk>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let answer = tokio::time::timeout(desk.request_timeout, next.run(request));
    answer.await.map_err(|_elapsed| {
        let limit = domain::duration::render(desk.request_timeout);
        let message = format!("no answer within {limit}: ask again later");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message)
    })
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

async fn livez() -> Json<Status> {
    Json(Status { status: "alive" })
}

async fn readyz(State(desk): State<Arc<Desk>>) -> Result<Json<Status>, Refusal> {
    let root = desk.census.tree();
    if root.state == tree::State::Running {
        return Ok(Json(Status { status: "ready" }));
    }
    let message = format!("{} is {}: ask again in a moment", root.id, root.state.word());
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message))
}

async fn whole_tree(State(desk): State<Arc<Desk>>) -> Json<tree::Actor> {
    Json(desk.census.tree())
}

async fn unknown_path(request: Request) -> Response {
    let message = format!("nothing lives at {}", request.uri().path());
    Refusal::new(StatusCode::NOT_FOUND, "unknown_path", message).into_response()
}

async fn wrong_method(request: Request) -> Response {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message).into_response()
}
