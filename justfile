# Short names for what also works without them.

# lists the recipes
default:
    @just --list --unsorted

# runs every ring of tests, or those named: just test tidy units
test *rings:
    tests/run {{ rings }}

# replays one seed of the simulated world, as a failing test printed it: just sim 17
sim seed:
    SEED={{ seed }} cargo test --locked -p suite --lib -- simulation:: --nocapture

# searches so many seeds of the simulated world for trouble: just search 100000
search seeds:
    SEEDS={{ seeds }} cargo test --locked -p suite --lib -- simulation:: --nocapture

# kills a real node so many times, and judges it from outside: just kill-drill 50 --seed 7
kill-drill kills="50" *options="":
    cargo run --locked -p drill -- --kills {{ kills }} {{ options }}

# the same with its journal on a Postgres server that waits for the disk: just kill-drill-postgres 50
kill-drill-postgres kills="50" *options="":
    tests/with-postgres --durable sh -c 'cargo run --locked -p drill -- --kills {{ kills }} --store "$LARES_TEST_POSTGRES" {{ options }}'

# answers so many approvals at once while a node is killed twice: just approvals 1000
approvals count="1000":
    APPROVALS={{ count }} cargo test --locked -p suite --lib -- node::approvals:: --nocapture

# formats every source
fmt:
    cargo fmt --all

# looks for broken lints in every target
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# runs a node until Ctrl-C: just up --data DIR --listen ADDR:PORT
up *options:
    cargo run --release --locked -p lares -- up {{ options }}

# shows who lives in a running node: just tree --json
tree *options:
    cargo run --release --locked -p lares -- tree {{ options }}

# drives real actors through a history on standard input: just replay < history.jsonl
replay:
    cargo run --quiet --locked -p runtime --example replay

# measures, beside a reference: just load actors --peer beam
load name *options:
    cargo run --release --locked -p loadtest -- {{ name }} {{ options }}
