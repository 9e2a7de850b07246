use std::path::Path;
use std::time::Duration;

use super::{Configuration, Lanes, Retention, Store};

/// Reads a file with this text, and returns what is wrong with it without the folder's name.
fn read(text: &str) -> Result<Configuration, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("lares.toml"), text).expect("the folder is ours");
    let prefix = format!("{}/", folder.path().display());
    Configuration::read(folder.path()).map_err(|error| error.to_string().replace(&prefix, ""))
}

#[test]
fn without_a_file_or_a_key_the_defaults_hold() {
    let nowhere = Configuration::read(Path::new("/nowhere/at/all"));
    assert_eq!(nowhere.expect("no file is no fault"), Configuration::default());
    assert_eq!(read(""), Ok(Configuration::default()));
    assert_eq!(read("[runtime]\n"), Ok(Configuration::default()));
}

#[test]
fn every_key_is_read() {
    let text = "listen = \"[::1]:0\"\ndrain = \"5m\"\n[runtime]\nwatchdog_threshold = \"250ms\"\n\
                lost_threads_max = 3\n[runs]\nsteps_max = 7\n[lanes]\nshell = 2\n\
                [retention]\nclosed_age_max = \"2d\"\n\
                [store]\nurl = \"postgres://lares@db/lares\"\npassword_file = \"/etc/pw\"\n";
    let expected = Configuration {
        listen: "[::1]:0".parse().expect("an address"),
        drain: Duration::from_secs(300),
        runtime: runtime::Options {
            watchdog_threshold: Duration::from_millis(250),
            lost_threads_max: 3,
            ..runtime::Options::default()
        },
        runs: work::Limits { steps_max: 7, ..work::Limits::default() },
        lanes: Lanes { shell: 2, ..Lanes::default() },
        retention: Retention {
            closed_age_max: Duration::from_secs(2 * 24 * 60 * 60),
            ..Retention::default()
        },
        store: Store {
            url: "postgres://lares@db/lares".to_owned(),
            password_file: "/etc/pw".into(),
        },
    };
    assert_eq!(read(text), Ok(expected));
}

#[test]
fn a_fault_is_named_with_its_line_and_its_cure() {
    let rows = [
        ("lisen = \"127.0.0.1:1\"", "lares.toml:1: unknown key `lisen`: did you mean `listen`?"),
        (
            "# why\n\n[runtime]\nwatchdog_treshold = \"2s\"",
            "lares.toml:4: unknown key `runtime.watchdog_treshold`: did you mean \
             `runtime.watchdog_threshold`?",
        ),
        (
            "lost_threads_max = 3",
            "lares.toml:1: unknown key `lost_threads_max`: did you mean \
             `runtime.lost_threads_max`?",
        ),
        ("[runtme]\n", "lares.toml:1: unknown key `runtme`: did you mean `runtime`?"),
        (
            "colour = 1",
            "lares.toml:1: unknown key `colour`: known here are `drain`, `lanes`, \
             `listen`, `retention`, `runs`, `runtime`, `store`",
        ),
        (
            "b = 1\na = 1",
            "lares.toml:1: unknown key `b`: known here are `drain`, `lanes`, \
             `listen`, `retention`, `runs`, `runtime`, `store`",
        ),
        (
            "[store]\nurl = \"postgres://lares:secret@db/lares\"",
            "lares.toml:2: `store.url` cannot be used: `postgres://lares@db/lares` had a password in \
             it, which others may see: put it into a file and name that as `store.password_file`, or \
             into LARES_STORE_PASSWORD",
        ),
        (
            "[store]\nurl = \"mysql://db/lares\"",
            "lares.toml:2: `store.url` cannot be used: `mysql://db/lares` is no place of a journal: \
             write postgres://USER@HOST:PORT/DATABASE",
        ),
        (
            "[store]\nurl = \"postgres://lares@db/lares?sslmode=require\"",
            "lares.toml:2: `store.url` cannot be used: `postgres://lares@db/lares?sslmode=require` \
             says sslmode=require, which looks at no certificate: write sslmode=verify-full, or \
             disable in a network of your own",
        ),
        (
            "[store]\npassword_file = \"/etc/pw\"",
            "lares.toml:2: `store.password_file` is for a server, and `store.url` names none",
        ),
        (
            "\nlisten = \"nowhere\"",
            "lares.toml:2: `listen`: `nowhere` is no address with a port: write one such as \
             127.0.0.1:7878 or [::1]:0",
        ),
        (
            "listen = 7878",
            "lares.toml:1: `listen`: invalid type: integer `7878`, expected a string",
        ),
        ("drain = \"61m\"", "lares.toml:1: `drain` must be 1h or less"),
        ("drain = 30", "lares.toml:1: `drain`: invalid type: integer `30`, expected a string"),
        (
            "[runtime]\nwatchdog_threshold = \"2\"",
            "lares.toml:2: `runtime.watchdog_threshold`: `2` is no duration: write a whole number \
             and a unit, such as 250ms, 2s, 5m, 1h or 7d",
        ),
        (
            "[runtime]\nwatchdog_threshold = \"1ms\"",
            "lares.toml:2: `runtime.watchdog_threshold` must lie between 10ms and 1h",
        ),
        (
            "runtime.lost_threads_max = 0",
            "lares.toml:1: `runtime.lost_threads_max` must lie between 1 and 64",
        ),
        (
            "lanes.http = 0",
            "lares.toml:1: `lanes.http` must be 1 or more: nothing would ever begin",
        ),
        ("[runs]\nsteps_max = 0", "lares.toml:2: `runs.steps_max` must lie between 1 and 1000"),
        ("retention.every = \"0s\"", "lares.toml:1: `retention.every` must be 1s or more"),
        (
            "retention.spare_age_min = \"9m\"",
            "lares.toml:1: `retention.spare_age_min` must be 10m or more",
        ),
        (
            "retention.closed_count_max = 0",
            "lares.toml:1: `retention.closed_count_max` must be 1 or more",
        ),
        (
            "retention.portion_max = 5000",
            "lares.toml:1: `retention.portion_max` must lie between 1 and 4096",
        ),
        (
            "runtime = 1",
            "lares.toml:1: `runtime`: invalid type: integer `1`, expected struct Options",
        ),
        ("listen = ", "lares.toml:1: string values must be quoted, expected literal string"),
        ("listen = \"a\"\nlisten = \"b\"", "lares.toml:2: duplicate key"),
    ];
    for (text, expected) in rows {
        assert_eq!(read(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn the_page_names_every_key() {
    let page = include_str!("../../../../docs/configuration.md");
    let known = toml::Table::try_from(Configuration::default()).expect("the defaults are a table");
    let mut missing = Vec::new();
    let top = page.split("\n## ").next().unwrap_or_default();
    for (name, value) in &known {
        let Some(table) = value.as_table() else {
            let row = format!("| `{name}` | `{value}` |");
            if !top.lines().any(|line| line.starts_with(&row)) {
                missing.push(format!("{name} = {value}"));
            }
            continue;
        };
        let heading = format!("## `[{name}]`");
        let section = page.split_once(&heading).map_or("", |(_, rest)| rest);
        let section = section.split("\n## ").next().unwrap_or_default();
        let absent = table.iter().filter(|(key, value)| {
            let row = section.lines().find(|line| line.starts_with(&format!("| `{key}` | ")));
            let shown = match value.as_str() {
                Some(text) => format!("| `\"{text}\"` |"),
                None => format!("| {value} |"),
            };
            let is_machine_dependent = *key == "worker_threads";
            !row.is_some_and(|row| is_machine_dependent || row.contains(&shown))
        });
        missing.extend(absent.map(|(key, value)| format!("{name}.{key} = {value}")));
    }
    assert!(missing.is_empty(), "write in docs/configuration.md: {missing:?}");
}
