//! How is the solver asked? By a thread that keeps one process for many questions; one that fails or takes too long is left
//! behind, and another one takes its place.
//!
//! What cannot be decided in its time is no proof, and said so. Writing a question down for the solver is part of that time: for
//! some policies it takes longer than the answer.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use cedar_policy::{Policy, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::{
    CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env, err, implies_asserts, never_errors_asserts,
    solver::{LocalSolver, SolverError},
};
use tokio::process::Command;

/// Stack of the thread: conditions nest.
const STACK: usize = 64 * 1024 * 1024;
/// For the first question, which is easy.
const START: Duration = Duration::from_secs(20);
/// So many questions are left behind, each with a busy thread, before the rest is not asked any more.
const MOST_LOST: usize = 3;

/// Asks the solver.
#[derive(Debug)]
pub struct Analyst {
    schema: Arc<Schema>,
    timeout: Duration,
    worker: Option<Sender<Job>>,
    lost: usize,
}

/// An answer, or why there is none.
pub type Answer<T> = Result<T, String>;

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

impl Analyst {
    /// Fails if there is no solver.
    pub fn start(timeout: Duration) -> Result<Self, String> {
        let (schema, _) = Schema::from_cedarschema_str(include_str!("../../policy/schema.cedarschema"))
            .map_err(|error| error.to_string())?;
        let mut analyst = Self {
            schema: Arc::new(schema),
            timeout,
            worker: None,
            lost: 0,
        };
        // A solver that proves nothing here proves nothing.
        let sane = analyst.ask(START, Worker::sane)?;
        if sane {
            Ok(analyst)
        } else {
            Err(absent("it does not answer as a solver does"))
        }
    }

    /// Lakegate's own schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// A request of a kind that one set allows and the other does not; `None`: proved that there is none.
    pub fn allowed_by_first_alone(
        &mut self,
        first: &PolicySet,
        second: &PolicySet,
        env: &RequestEnv,
    ) -> Answer<Option<Env>> {
        let (first, second, env) = (first.clone(), second.clone(), env.clone());
        self.ask(self.timeout, move |worker| {
            let (first, second) = (worker.set(&first, &env)?, worker.set(&second, &env)?);
            worker.run(async |compiler| compiler.check_implies_with_counterexample_opt(&first, &second).await)
        })
    }

    /// A request of a kind that a set allows; `None`: proved that there is none.
    pub fn allowed(&mut self, set: &PolicySet, env: &RequestEnv) -> Answer<Option<Env>> {
        let (set, env) = (set.clone(), env.clone());
        self.ask(self.timeout, move |worker| {
            let set = worker.set(&set, &env)?;
            worker.run(async |compiler| compiler.check_always_denies_with_counterexample_opt(&set).await)
        })
    }

    /// A request of a kind on which a policy cannot be evaluated; `None`: proved that there is none.
    pub fn failing(&mut self, policy: &Policy, env: &RequestEnv) -> Answer<Option<Env>> {
        let (policy, env) = (policy.clone(), env.clone());
        self.ask(self.timeout, move |worker| {
            let policy = worker.policy(&policy, &env)?;
            worker.run(async |compiler| compiler.check_never_errors_with_counterexample_opt(&policy).await)
        })
    }

    /// Whether it is proved that a set allows nothing on which a policy cannot be evaluated.
    pub fn never_together(&mut self, set: &PolicySet, fails: &Policy, env: &RequestEnv) -> Answer<bool> {
        let (set, fails, env) = (set.clone(), fails.clone(), env.clone());
        self.ask(self.timeout, move |worker| {
            let (set, nothing) = (worker.set(&set, &env)?, worker.set(&PolicySet::new(), &env)?);
            let policy = worker.policy(&fails, &env)?;
            let (allows, fails) = (implies_asserts(&set, &nothing), never_errors_asserts(&policy));
            let both = Arc::new(
                allows
                    .asserts()
                    .iter()
                    .chain(fails.asserts().iter())
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            worker.run(async |compiler| compiler.check_unsat_raw(both, allows.symenv()).await)
        })
    }

    fn ask<T: Send + 'static>(
        &mut self,
        timeout: Duration,
        question: impl FnOnce(&mut Worker) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        if self.lost >= MOST_LOST {
            return Err("not asked: too many questions before it had no answer".to_owned());
        }
        let (answer, answered) = channel();
        let job: Job = Box::new(move |worker| _ = answer.send(question(worker)));
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(Arc::clone(&self.schema), self.timeout)?,
        };
        worker
            .send(job)
            .map_err(|_| "the solver's thread has ended".to_owned())?;
        // The solver watches its own time; this is for what does not.
        let patience = timeout
            .saturating_add(timeout / 4)
            .saturating_add(Duration::from_millis(500));
        match answered.recv_timeout(patience) {
            Ok(answer) => {
                self.worker = Some(worker);
                answer
            }
            Err(RecvTimeoutError::Timeout) => {
                self.lost += 1;
                Err(late(timeout))
            }
            Err(RecvTimeoutError::Disconnected) => Err("the solver's thread has failed".to_owned()),
        }
    }
}

/// The thread that asks.
struct Worker {
    schema: Arc<Schema>,
    timeout: Duration,
    runtime: tokio::runtime::Runtime,
    compiler: Option<CedarSymCompiler<LocalSolver>>,
}

impl Worker {
    fn start(schema: Arc<Schema>, timeout: Duration) -> Answer<Sender<Job>> {
        let (jobs, received): (Sender<Job>, Receiver<Job>) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let work = move || {
            let mut worker = Self {
                schema,
                timeout,
                runtime,
                compiler: None,
            };
            received.into_iter().for_each(|job| job(&mut worker));
        };
        thread::Builder::new()
            .stack_size(STACK)
            .spawn(work)
            .map_err(|error| error.to_string())?;
        Ok(jobs)
    }

    fn policy(&self, policy: &Policy, env: &RequestEnv) -> Answer<CompiledPolicy> {
        CompiledPolicy::compile(policy, env, &self.schema).map_err(|error| error.to_string())
    }

    fn set(&self, set: &PolicySet, env: &RequestEnv) -> Answer<CompiledPolicySet> {
        CompiledPolicySet::compile(set, env, &self.schema).map_err(|error| error.to_string())
    }

    /// Whether the solver tells a contradiction from what can be.
    fn sane(&mut self) -> Answer<bool> {
        let usual = std::mem::replace(&mut self.timeout, START);
        let answer = self.tells_apart();
        // Its solver watches another time.
        self.compiler = None;
        self.timeout = usual;
        answer
    }

    fn tells_apart(&mut self) -> Answer<bool> {
        let possible = "principal.clearance > 3 && principal.clearance < 5";
        let impossible = "principal.clearance > 3 && principal.clearance < 4";
        Ok(!self.never(possible)? && self.never(impossible)?)
    }

    /// Whether a condition never holds.
    fn never(&mut self, condition: &str) -> Answer<bool> {
        let text =
            format!("permit(principal, action == Lakegate::Action::\"SelectRow\", resource) when {{ {condition} }};");
        let policy = Policy::parse(None, text).map_err(|error| error.to_string())?;
        let env = policy
            .get_valid_request_envs(&self.schema)
            .next()
            .ok_or("the schema has no rows")?;
        let policy = self.policy(&policy, &env)?;
        let asked = self.run(async |compiler| compiler.check_never_matches_opt(&policy).await);
        asked.map_err(|why| if why.starts_with("cvc5 ") { why } else { absent(&why) })
    }

    /// A solver that answered is asked again.
    fn run<T>(&mut self, ask: impl AsyncFnOnce(&mut CedarSymCompiler<LocalSolver>) -> err::Result<T>) -> Answer<T> {
        let timeout = self.timeout.saturating_add(Duration::from_millis(300));
        let kept = self.compiler.take();
        let (answer, compiler) = self.runtime.block_on(async {
            let mut compiler = match kept {
                Some(compiler) => compiler,
                None => solver(self.timeout)?,
            };
            let answer = tokio::time::timeout(timeout, ask(&mut compiler)).await;
            Ok::<_, String>((answer, compiler))
        })?;
        match answer {
            Ok(Ok(answer)) => {
                self.compiler = Some(compiler);
                Ok(answer)
            }
            Ok(Err(err::Error::SolverUnknown)) | Err(_) => Err(late(self.timeout)),
            Ok(Err(error)) => Err(error.to_string()),
        }
    }
}

fn late(timeout: Duration) -> String {
    format!("no answer within {} s", timeout.as_secs_f64())
}

fn absent(why: &str) -> String {
    format!(
        "cvc5 cannot be used ({why}): install it, or say where it is with `CVC5`; `lakegate policy validate` needs none"
    )
}

fn solver(timeout: Duration) -> Answer<CedarSymCompiler<LocalSolver>> {
    let path = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into());
    let limit = format!("--tlimit-per={}", timeout.as_millis());
    let mut command = Command::new(path);
    command.args(["--lang", "smt", &limit]).kill_on_drop(true);
    let solver = LocalSolver::from_command(&mut command).map_err(|error| match error {
        SolverError::Io(error) => absent(&error.to_string()),
        other => absent(&other.to_string()),
    })?;
    CedarSymCompiler::new(solver).map_err(|error| absent(&error.to_string()))
}
