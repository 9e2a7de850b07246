//! What can be asked, each route declared together with the check it makes of its caller.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post, put};
use axum::{Json, RequestExt, Router};
use domain::approval::Approvals;
use domain::backup::Backup;
use domain::conversation::Sessions;
use domain::id::Address;
use domain::journal::Journal;
use domain::records::Records;
use domain::run::Runs;
use domain::time::Clock;
use domain::token::Token;
use domain::tree::{self, Census};
use serde::Serialize;

use crate::guard::{self, Check};
use crate::intake::Intake;
use crate::refusal::Refusal;
use crate::{Options, approvals, audit, backup, dead, quarantine, runs, sessions};

/// Everything the door can be asked.
pub(crate) fn all(options: &Options, token: Token, ports: Ports, intake: Intake) -> Router {
    Routes::new(options, token, ports, intake)
        .checked("/livez", get(livez), guard::open)
        .checked("/readyz", get(readyz), guard::open)
        .route("/v1/tree", get(whole_tree))
        .route("/v1/runs", get(runs::list).post(runs::open))
        .route("/v1/runs/{run}", get(runs::show))
        .route("/v1/runs/{run}/cancel", post(runs::cancel))
        .route("/v1/runs/{run}/replay", post(runs::replay))
        .route("/v1/runs/{run}/descend", post(runs::descend))
        .route("/v1/runs/{run}/resume", post(runs::resume))
        .route("/v1/runs/{run}/timeline", get(runs::timeline))
        .route("/v1/runs/{run}/plan", get(runs::plan))
        .route("/v1/runs/{run}/artifacts/{blob}", get(runs::artifact))
        .route("/v1/runs/{run}/signals/{name}", post(runs::signal))
        .route("/v1/runs/{run}/inputs/{input}", put(runs::give))
        .route("/v1/approvals", get(approvals::list))
        .route("/v1/approvals/{approval}", get(approvals::show).post(approvals::answer))
        .route("/v1/runs/{run}/steps/{step}/settle", post(runs::settle))
        .route("/v1/runs/{run}/steps/{step}/attachments/{name}", get(runs::attachment))
        .route("/v1/doubts", get(runs::doubts))
        .route("/v1/turns", post(sessions::begin))
        .route("/v1/sessions/{session}", get(sessions::show))
        .route("/v1/sessions/{session}/turns", post(sessions::say))
        .route("/v1/quarantine", get(quarantine::list))
        .route("/v1/quarantine/{entity}", get(quarantine::show))
        .route("/v1/quarantine/{entity}/release", post(quarantine::release))
        .route("/v1/quarantine/{entity}/discard", post(quarantine::discard))
        .route("/v1/dead", get(dead::list))
        .route("/v1/dead/{letter}", get(dead::show))
        .route("/v1/dead/{letter}/replay", post(dead::replay))
        .route("/v1/dead/{letter}/discard", post(dead::discard))
        .route("/v1/audit", get(audit::list))
        .slow("/v1/audit/verify", get(audit::verify))
        .slow("/v1/backup", post(backup::make))
        .close()
}

/// What the door shows and takes.
pub struct Ports {
    pub census: Arc<dyn Census>,
    pub runs: Arc<dyn Runs>,
    pub approvals: Arc<dyn Approvals>,
    pub sessions: Arc<dyn Sessions>,
    pub records: Arc<dyn Records>,
    /// Of which the door only reads what is put aside.
    pub journal: Arc<dyn Journal>,
    pub backup: Arc<dyn Backup>,
    pub clock: Arc<dyn Clock>,
    pub bell: Bell,
}

/// Tells an entity that something may wait for it.
pub type Bell = Arc<dyn Fn(Address) + Send + Sync>;

/// What every route may look at.
pub(crate) struct Desk {
    token: Token,
    census: Arc<dyn Census>,
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) approvals: Arc<dyn Approvals>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) backup: Arc<dyn Backup>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bell: Bell,
    /// Asked by every route that begins work, once it has heard the whole request.
    pub(crate) intake: Intake,
    pub(crate) body_bytes_max: usize,
}

/// How much of a body that is too big is read all the same: who is still sending hears no answer.
const BODY_BYTES_HEARD_MAX: usize = 32 * 1024 * 1024;
/// How long it is waited for more of it.
const BODY_PAUSE_MAX: Duration = Duration::from_millis(500);

/// A router under construction: nothing enters it without a check.
struct Routes {
    router: Router<Arc<Desk>>,
    desk: Arc<Desk>,
    request_timeout: Duration,
    slow_timeout: Duration,
}

impl Routes {
    fn new(options: &Options, token: Token, ports: Ports, intake: Intake) -> Self {
        let Ports { census, runs, approvals, sessions, records, journal, backup, clock, bell } =
            ports;
        let body_bytes_max = options.body_bytes_max;
        let desk = Desk {
            token,
            census,
            runs,
            approvals,
            sessions,
            records,
            journal,
            backup,
            clock,
            bell,
            intake,
            body_bytes_max,
        };
        Self {
            router: Router::new(),
            desk: Arc::new(desk),
            request_timeout: options.request_timeout,
            slow_timeout: options.slow_timeout,
        }
    }

    /// A route for who shows the node's token.
    fn route(self, path: &str, methods: MethodRouter<Arc<Desk>>) -> Self {
        self.checked(path, methods, guard::token)
    }

    /// A route that reads or copies everything.
    fn slow(self, path: &str, methods: MethodRouter<Arc<Desk>>) -> Self {
        let within = self.slow_timeout;
        self.bounded(path, methods, guard::token, within)
    }

    /// A route with a check of its own.
    fn checked(self, path: &str, methods: MethodRouter<Arc<Desk>>, check: Check) -> Self {
        let within = self.request_timeout;
        self.bounded(path, methods, check, within)
    }

    fn bounded(
        self,
        path: &str,
        methods: MethodRouter<Arc<Desk>>,
        check: Check,
        within: Duration,
    ) -> Self {
        let guarded = self.guard(methods.fallback(wrong_method), check);
        let guarded = guarded.layer(from_fn_with_state(within, in_time));
        Self { router: self.router.route(path, guarded), ..self }
    }

    /// Ends the list: what is not on it needs the token too, so a stranger learns nothing of it.
    fn close(self) -> Router {
        let unknown = self.guard(any(unknown_path), guard::token);
        let unknown = unknown.layer(from_fn_with_state(self.request_timeout, in_time));
        self.router
            .fallback_service(unknown.with_state(Arc::clone(&self.desk)))
            .layer(DefaultBodyLimit::max(self.desk.body_bytes_max))
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
        if announced <= BODY_BYTES_HEARD_MAX {
            hear_out(body).await;
        }
        return Err(Refusal::too_large(desk.body_bytes_max));
    }
    // A body that announces nothing is cut at the same bound while it is read.
    let request = Request::from_parts(parts, body).with_limited_body();
    Ok(next.run(request).await)
}

/// Reads a body to its end, and keeps nothing of it.
async fn hear_out(mut body: Body) {
    let mut next = async || {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        tokio::time::timeout(BODY_PAUSE_MAX, frame).await
    };
    while let Ok(Some(Ok(_))) = next().await {}
}

async fn in_time(
    State(within): State<Duration>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let answer = tokio::time::timeout(within, next.run(request));
    answer.await.map_err(|_elapsed| {
        let limit = domain::duration::render(within);
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
    desk.intake.check()?;
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
