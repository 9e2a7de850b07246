//! Reaching the server: where it is, whether it is one that keeps what it says, and what people are
//! told when it cannot be had.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Error, PgPool, Row};

use super::{Options, schema};

/// Where a journal is kept; whatever it is shown to sees no password.
#[derive(Clone)]
pub struct Place {
    options: PgConnectOptions,
    /// Without the password.
    shown: String,
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("`{0}` is no place of a journal: write postgres://USER@HOST:PORT/DATABASE")]
    Address(String),
    #[error(
        "`{0}` had a password in it, which others may see: put it into a file and name that as \
         `store.password_file`, or into LARES_STORE_PASSWORD"
    )]
    OpenSecret(String),
    #[error(
        "`{0}` says sslmode=require, which looks at no certificate: write sslmode=verify-full, or \
         disable in a network of your own"
    )]
    Unchecked(String),
    #[error("{place} cannot be reached: start the server, or mend the address")]
    Unreachable {
        place: String,
        #[source]
        source: Error,
    },
    #[error("{place} lets nobody in with this name and password: give the password of the role")]
    Password {
        place: String,
        #[source]
        source: Error,
    },
    #[error("there is no such database at {place}: make it with `createdb`")]
    NoDatabase { place: String },
    #[error("the certificate of {place} is not to be trusted: name its authority with sslrootcert")]
    Certificate {
        place: String,
        #[source]
        source: Error,
    },
    #[error("{place} offers no TLS, which its address asks for: turn `ssl` on at the server")]
    Unencrypted { place: String },
    #[error("{place} runs version {version}, and 14 is the oldest that will do: use a newer one")]
    TooOld { place: String, version: i32 },
    #[error(
        "{place} has `{setting}` off and may forget what it has acknowledged: turn it on, or start \
         with --accept-loss"
    )]
    Loses { place: String, setting: &'static str },
    #[error("the database holds tables of something else: give lares one of its own")]
    Foreign,
    #[error(
        "the journal is of version {version}, and this program knows {known}: start a newer lares"
    )]
    TooNew { version: i64, known: i64 },
    #[error(
        "the role may not make tables there: grant it CREATE on the schema, or own the database"
    )]
    Rights(#[source] Error),
    #[error("the tables of the journal cannot be made")]
    Migrate(#[source] Error),
    #[error("cannot start the thread of the journal")]
    Threads(#[source] std::io::Error),
}

impl Place {
    /// A URL is read, logged and listed in many places: one that holds a password is none.
    pub fn new(url: &str) -> Result<Self, OpenError> {
        let unfit = || OpenError::Address(without_password(url));
        let is_known = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !is_known {
            return Err(unfit());
        }
        if without_password(url) != url || url.contains("password=") {
            return Err(OpenError::OpenSecret(without_password(url)));
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| unfit())?;
        if matches!(options.get_ssl_mode(), PgSslMode::Require) {
            return Err(OpenError::Unchecked(url.to_owned()));
        }
        // A node that freezes in the middle of one lets go of its rows.
        let options = options.options([("idle_in_transaction_session_timeout", IDLE_MAX)]);
        let options = options.application_name("lares").disable_statement_logging();
        let database = options.get_database().unwrap_or_default();
        let shown = format!("{}:{}/{database}", options.get_host(), options.get_port());
        Ok(Place { options, shown })
    }

    pub fn with_password(self, password: &str) -> Self {
        Place { options: self.options.password(password), ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What stands between the name and the host is nobody's business.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, rest)) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{scheme}://{user}@{rest}")
        }
        None => url.to_owned(),
    }
}

pub(crate) async fn connect(place: &Place) -> Result<PgConnection, OpenError> {
    let connected = PgConnection::connect_with(&place.options).await;
    connected.map_err(|error| unreached(place, error))
}

/// The same, where the tables are made if there are none.
pub(crate) async fn prepared(place: &Place, options: &Options) -> Result<PgConnection, OpenError> {
    let mut connection = connect(place).await?;
    let may_lose = check(&mut connection, place, options).await?;
    schema::migrate(&mut connection).await?;
    if may_lose {
        tracing::warn!(%place, "this server may forget what it has acknowledged");
    }
    Ok(connection)
}

pub(super) async fn open(place: &Place, options: &Options) -> Result<PgPool, OpenError> {
    let connection = prepared(place, options).await?;
    connection.close().await.map_err(OpenError::Migrate)?;
    let pool = PgPoolOptions::new()
        .max_connections(options.connections_max)
        .acquire_timeout(options.acquire_max)
        .connect_lazy_with(place.options.clone());
    Ok(pool)
}

/// Refuses one that does not keep its word, unless that is accepted. Tells whether it is.
async fn check(
    connection: &mut PgConnection,
    place: &Place,
    options: &Options,
) -> Result<bool, OpenError> {
    let place = || place.to_string();
    let sql = "SELECT current_setting('server_version_num')::integer";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await.map_err(OpenError::Migrate)?;
    let version: i32 = row.try_get(0).map_err(OpenError::Migrate)?;
    if version < VERSION_MIN {
        return Err(OpenError::TooOld { place: place(), version: version / 10_000 });
    }
    let mut may_lose = false;
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let row = sqlx::query("SELECT current_setting($1)").bind(setting);
        let row = row.fetch_one(&mut *connection).await.map_err(OpenError::Migrate)?;
        let value: String = row.try_get(0).map_err(OpenError::Migrate)?;
        if value == "off" && !options.accepts_loss {
            return Err(OpenError::Loses { place: place(), setting });
        }
        may_lose |= value == "off";
    }
    Ok(may_lose)
}

const VERSION_MIN: i32 = 140_000;

/// How long a transaction may wait for the node that began it: nobody does that on purpose.
const IDLE_MAX: &str = "5s";

fn unreached(place: &Place, source: Error) -> OpenError {
    let place = place.to_string();
    let code =
        source.as_database_error().and_then(|error| error.code().map(|code| code.to_string()));
    match code.as_deref() {
        Some("28000" | "28P01") => OpenError::Password { place, source },
        Some("3D000") => OpenError::NoDatabase { place },
        Some(_) | None if source.to_string().contains("does not support TLS") => {
            OpenError::Unencrypted { place }
        }
        Some(_) | None if matches!(source, Error::Tls(_)) => {
            OpenError::Certificate { place, source }
        }
        Some(_) | None => OpenError::Unreachable { place, source },
    }
}
