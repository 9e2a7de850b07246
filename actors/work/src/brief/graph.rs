//! A written plan, resolved: its stages become rounds of one task each, its routes a course.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::run::{Request, Workspace};
use domain::tool::{Contract, Effect, Tools};
use plan::graph::{self, Approvals, Fault, Graph, Place, Route, Severity, Stage, Undo, Work};
use serde_json::{Value, json};

use super::given::inputs;
use super::{Limits, Repeats, Resolver, digest, digest_of, millis};
use crate::plan::{
    Approval, Brief, Check, Course, GATE, MISSING, SIGNAL, Source, Task, Text, To, Use, WAIT, Way,
    When, put, put_input, undo_of,
};

/// The tool that is told how the others went.
const SUMMARY: &str = "summarize_run";

/// Nothing is looked up later. All that is wrong comes at once.
pub(super) fn resolve(
    graph: &Graph,
    request: &Request,
    known: &BTreeMap<String, Value>,
    tools: &dyn Tools,
    limits: &Limits,
) -> Result<Brief, Vec<String>> {
    let contracts = tools.contracts();
    let mut faults = Vec::new();
    let inputs = inputs(graph, &request.inputs, known, limits.inputs_bytes_max, &mut faults);
    let resolver = Resolver { tools, contracts: &contracts, limits, faults: Vec::new() };
    let workspace = request.workspace.as_ref();
    let digest = digest_of(&request.plan);
    let found = Vec::new();
    let mut drafter =
        Drafter { resolver, graph, inputs: &inputs, workspace, digest: &digest, found };
    let rounds = graph.stages.iter().map(|stage| vec![drafter.task(stage)]).collect();
    let rollback = graph.rollback.iter().map(|stage| drafter.task(stage)).collect();
    faults.extend(drafter.found.iter().map(ToString::to_string));
    if let Some(branch) = workspace.and_then(|workspace| workspace.branch.as_ref())
        && !looks_at_branch(graph, &contracts)
    {
        faults.push(format!(
            "the branch `{branch}` is asked for, and no step of this plan looks which one is \
             checked out: leave it out"
        ));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let course = Course {
        name: graph.name.clone(),
        ways: graph.stages.iter().map(way).collect(),
        rollback,
        inputs,
        workspace: request.workspace.clone(),
        text: Text { file: request.file.clone(), digest, body: request.plan.clone() },
        passes_max: limits.passes_max,
        inputs_bytes_max: u64::try_from(limits.inputs_bytes_max).ok(),
    };
    let course = Some(Box::new(course));
    let (caps, priority) = (limits.caps(), graph.priority);
    Ok(Brief { rounds, caps, priority, depth: 0, course, descent: None })
}

/// Whether anything in it takes the workspace as a whole.
fn looks_at_branch(graph: &Graph, contracts: &[Contract]) -> bool {
    graph.stages.iter().any(|stage| match &stage.work {
        Work::Tool { tool, .. } => takes(contracts, tool, "workspace"),
        Work::Wait { .. } | Work::Signal { .. } | Work::Gate | Work::Missing { .. } => false,
    })
}

/// Whether there is such a tool, and it has an argument of this name.
fn takes(contracts: &[Contract], tool: &str, name: &str) -> bool {
    let contract = contracts.iter().find(|contract| contract.name == tool);
    contract.is_some_and(|contract| contract.arguments["properties"].get(name).is_some())
}

/// What a node with these tools would refuse of it in any workspace, and what it could not do yet.
/// Stages whose arguments hang on what the run is given, or on what others put out, are not looked
/// at.
pub fn unresolved(graph: &Graph, tools: &dyn Tools, limits: &Limits) -> Vec<Fault> {
    let is_open = |used: &graph::Use| match &used.of {
        graph::Source::Input(name) => {
            graph.inputs.get(name).is_some_and(|input| input.default.is_none())
        }
        graph::Source::Output(_) => true,
    };
    let hangs = |stage: &Stage| {
        let undo = stage.undo.iter().flat_map(|undo| &undo.uses);
        stage.uses.iter().chain(undo).any(is_open)
    };
    let contracts = tools.contracts();
    let none = BTreeMap::new();
    // That some are missing is no fault of the text.
    let inputs = inputs(graph, &none, &BTreeMap::new(), limits.inputs_bytes_max, &mut Vec::new());
    let workspace = Workspace { id: "any".to_owned(), path: "/".to_owned(), branch: None };
    let resolver = Resolver { tools, contracts: &contracts, limits, faults: Vec::new() };
    let workspace = Some(&workspace);
    let found = Vec::new();
    let mut drafter = Drafter { resolver, graph, inputs: &inputs, workspace, digest: "", found };
    let stages = graph.stages.iter().chain(&graph.rollback);
    // Whoever has no name could not be read.
    for stage in stages.filter(|stage| !stage.id.is_empty()) {
        if let Work::Missing { what } = &stage.work
            && what != graph::UNREAD
        {
            let what = format!(
                "{} needs {what}, and none is configured yet: it fails when the run gets there",
                stage.id
            );
            let (place, severity) = (stage.place, Severity::Warning);
            drafter.found.push(Fault { place, severity, what, instead: None });
        } else if !hangs(stage) && !matches!(stage.work, Work::Missing { .. }) {
            drafter.task(stage);
        }
    }
    drafter.found
}

fn way(stage: &Stage) -> Way {
    let when = match stage.when {
        graph::When::Always => When::Always,
        graph::When::PreviousOk => When::PreviousOk,
        graph::When::PreviousFailed => When::PreviousFailed,
    };
    let detours_max = stage.attempts;
    Way { when, on_success: to(stage.on_success), on_failure: to(stage.on_failure), detours_max }
}

fn to(route: Route) -> To {
    match route {
        Route::Stage(at) => To::Round(u32::try_from(at).unwrap_or(u32::MAX)),
        Route::Done => To::Done,
        Route::Fail => To::Fail,
        Route::Rollback => To::Rollback,
        Route::Paused => To::Paused,
    }
}

struct Drafter<'a> {
    resolver: Resolver<'a>,
    graph: &'a Graph,
    inputs: &'a BTreeMap<String, Value>,
    workspace: Option<&'a Workspace>,
    /// Of the text of the plan.
    digest: &'a str,
    /// What is wrong with single stages.
    found: Vec<Fault>,
}

/// What a stage and an undo have in common.
struct Doing<'a> {
    place: Place,
    work: &'a Work,
    uses: &'a [graph::Use],
    attempts: u32,
    deadline: plan::script::Deadline,
    effect: Option<Effect>,
    on_doubt: domain::tool::OnDoubt,
    check: Option<&'a plan::script::Check>,
}

impl<'a> Drafter<'a> {
    fn task(&mut self, stage: &Stage) -> Task {
        let doing = Doing {
            place: stage.place,
            work: &stage.work,
            uses: &stage.uses,
            attempts: stage.attempts,
            deadline: stage.deadline,
            effect: stage.effect,
            on_doubt: stage.on_doubt,
            check: stage.check.as_ref(),
        };
        let draft = self.draft(&doing, &stage.id);
        let approval = self.approval(stage, &draft);
        let undo = stage.undo.as_ref().map(|undo| Box::new(self.undo(undo, stage)));
        let title = if stage.title == stage.id { String::new() } else { stage.title.clone() };
        let lane = stage.lane.clone().unwrap_or_else(|| draft.lane.clone());
        let (id, locks, outputs) = (stage.id.clone(), stage.locks.clone(), stage.outputs.clone());
        Task { id, title, lane, locks, outputs, approval, undo, ..draft }
    }

    fn undo(&mut self, undo: &Undo, stage: &Stage) -> Task {
        let doing = Doing {
            place: undo.place,
            work: &undo.work,
            uses: &undo.uses,
            attempts: undo.attempts,
            deadline: undo.deadline,
            effect: undo.effect,
            on_doubt: undo.on_doubt,
            check: undo.check.as_ref(),
        };
        let title = format!("takes back {}", stage.title);
        let draft = self.draft(&doing, &undo_of(&stage.id));
        Task { title, locks: stage.locks.clone(), ..draft }
    }

    /// A task without what only a stage has.
    fn draft(&mut self, doing: &Doing<'_>, id: &str) -> Task {
        let limits = self.resolver.limits;
        let (tool, args, within) = match doing.work {
            Work::Tool { tool, args } => {
                (tool.as_str(), args.clone(), limits.within(doing.deadline))
            }
            Work::Wait { pause } => (WAIT, json!({ "ms": millis(*pause) }), *pause),
            Work::Signal { name } => {
                (SIGNAL, json!({ "name": name }), limits.within(doing.deadline))
            }
            // What is allowed is what comes after it, with what the run was given.
            Work::Gate => (GATE, json!({ "plan": self.digest }), Duration::ZERO),
            Work::Missing { what } => (MISSING, json!({ "what": what }), Duration::ZERO),
        };
        let mut uses: Vec<Use> = doing.uses.iter().map(used).collect();
        if *doing.work == Work::Gate {
            uses.extend(self.graph.inputs.keys().map(|name| Use {
                at: vec!["inputs".to_owned(), name.clone()],
                of: Source::Input(name.clone()),
            }));
        }
        let (args, uses, contract) = match doing.work {
            Work::Tool { .. } => self.look_up(tool, args, uses, id),
            Work::Wait { .. } | Work::Signal { .. } | Work::Gate | Work::Missing { .. } => {
                (args, uses, None)
            }
        };
        let effect = contract.map_or(Effect::None, |contract| contract.effect);
        let effect = doing.effect.unwrap_or(effect);
        let check = doing.check.map(|check| self.check(check, id));
        let (attempts, on_doubt) = (doing.attempts, doing.on_doubt);
        let repeats = Repeats { tool, effect, attempts, on_doubt, has_check: check.is_some() };
        self.resolver.check_repeats(&repeats, id);
        let (place, severity) = (doing.place, Severity::Error);
        let faults = self.resolver.faults.drain(..);
        self.found.extend(faults.map(|what| Fault { place, severity, what, instead: None }));
        Task {
            id: id.to_owned(),
            tool: tool.to_owned(),
            digest: digest(tool, &args),
            args,
            effect,
            after: Vec::new(),
            locks: Vec::new(),
            lane: contract.map_or(tool, |contract| contract.lane).to_owned(),
            is_far: contract.is_some_and(|contract| contract.is_far),
            attempts,
            within_ms: millis(within),
            on_doubt,
            check,
            title: String::new(),
            uses,
            outputs: Vec::new(),
            approval: None,
            undo: None,
        }
    }

    /// The arguments with what only the run knows, and the contract they were held against.
    fn look_up(
        &mut self,
        tool: &str,
        mut args: Value,
        mut uses: Vec<Use>,
        place: &str,
    ) -> (Value, Vec<Use>, Option<&'a Contract>) {
        self.settle_in(tool, &mut args);
        if tool == SUMMARY {
            args["name"] = json!(self.graph.name);
            uses.push(Use { at: vec!["steps".to_owned()], of: Source::Story });
        }
        let mut filled = args.clone();
        uses.iter().for_each(|used| self.fill(&mut filled, used));
        let contract = self.resolver.contract(tool, &filled, place);
        (args, uses, contract)
    }

    /// Says where the run may work, in the way of the tool.
    fn settle_in(&self, tool: &str, args: &mut Value) {
        let takes = |name: &str| takes(self.resolver.contracts, tool, name);
        if let Some(workspace) = self.workspace {
            // A folder says as much, unless a branch is to be looked at.
            let is_whole = !takes("cwd") || workspace.branch.is_some();
            if takes("workspace") && is_whole {
                args["workspace"] = json!(workspace);
            } else if takes("cwd") && args.get("cwd").is_none() {
                args["cwd"] = json!(workspace.path);
            }
        }
    }

    /// A check looks where its stage works.
    fn check(&mut self, check: &plan::script::Check, place: &str) -> Check {
        let mut check = check.clone();
        self.settle_in(&check.tool, &mut check.args);
        self.resolver.check(&check, place)
    }

    /// As far as anything is known of it before it begins.
    fn fill(&self, args: &mut Value, used: &Use) {
        match &used.of {
            Source::Input(name) => {
                if let Some(value) = self.inputs.get(name) {
                    put_input(args, &used.at, value);
                }
            }
            Source::Output(name) | Source::Kept(name) | Source::Lost(name) => {
                put(args, &used.at, json!(name))
            }
            Source::Story => put(args, &used.at, json!([])),
        }
    }

    fn approval(&self, stage: &Stage, draft: &Task) -> Option<Approval> {
        let silence_max_ms = millis(self.resolver.limits.silence_max);
        let wanted = match self.graph.defaults.approvals {
            Approvals::None => false,
            Approvals::Risky => !draft.effect.is_repeatable(),
            Approvals::Critical => draft.is_far,
        };
        let by_default = || Approval { about: stage.title.clone(), within_ms: silence_max_ms };
        match &stage.approval {
            Some(approval) => {
                let within_ms = approval.within.map_or(silence_max_ms, millis);
                Some(Approval { about: approval.about.clone(), within_ms })
            }
            None => (wanted && !draft.is_handless()).then(by_default),
        }
    }
}

fn used(used: &graph::Use) -> Use {
    let of = match &used.of {
        graph::Source::Input(name) => Source::Input(name.clone()),
        graph::Source::Output(name) => Source::Output(name.clone()),
    };
    Use { at: used.at.clone(), of }
}
