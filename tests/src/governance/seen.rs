//! What can a caller see of one statement? Columns, rows or error, figures, history and plan, without what differs every time.

use std::fmt;

use lakegate_catalog::record::{QueryRecord, Usage};
use lakegate_query::{context::Caller, service::SubmitRequest};

use crate::world::World;

/// Codes of what fails when a row is computed: at its value, or since it is computed at all (`date_bin` by a column).
const OF_A_ROW: [&str; 5] = [
    "DIVISION_BY_ZERO",
    "INVALID_CAST_ARGUMENT",
    "INVALID_FUNCTION_ARGUMENT",
    "NOT_SUPPORTED",
    "NUMERIC_VALUE_OUT_OF_RANGE",
];

/// Everything that a caller can tell two databases apart by, through the query service.
#[derive(Clone, PartialEq)]
pub struct Seen {
    /// Columns, then rows; sorted where the statement gives no order.
    pub rows: Option<(String, Vec<String>)>,
    /// Code and text, if it failed.
    pub failure: Option<(&'static str, String)>,
    /// State, statement, rows and figures of the stored record, as its submitter is shown it.
    pub history: String,
    /// The failure in the stored record.
    pub recorded: String,
    /// The answer of EXPLAIN.
    pub plan: String,
    /// The query, for the operator's side; not compared.
    pub id: Id,
}

/// An id, which is no part of what is compared.
#[derive(Clone, Debug, Default)]
pub struct Id(pub Option<String>);

impl PartialEq for Id {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What is looked at beside the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    Answer,
    AnswerAndPlan,
}

impl Seen {
    /// Runs the statement as `user`.
    pub async fn of(world: &World, user: &str, sql: &str, look: Look) -> Self {
        let caller = world.caller(user).await;
        Self::by(world, &caller, world.request(sql), (look, order(sql))).await
    }

    /// Runs what a caller asks; the order is what the statement says about its rows.
    pub async fn by(world: &World, caller: &Caller, request: SubmitRequest, (look, order): (Look, Order)) -> Self {
        let explained = SubmitRequest {
            sql: format!("EXPLAIN {}", request.sql),
            ..request.clone()
        };
        let question = is_question(&request.sql);
        let mut seen = Self {
            rows: None,
            failure: None,
            history: String::new(),
            recorded: String::new(),
            plan: String::new(),
            id: Id::default(),
        };
        match world.run_as(caller, request).await {
            Ok(answer) => {
                let mut lines = answer.lines();
                match order {
                    Order::Given => {}
                    Order::None => lines.sort(),
                    Order::Any => lines = vec![format!("{} rows", lines.len())],
                }
                seen.rows = Some((answer.columns(), lines));
                seen.id = Id(Some(answer.id));
            }
            Err(failure) => {
                seen.failure = Some((failure.error.code.text(), failure.error.to_string()));
                seen.id = Id(failure.query_id);
            }
        }
        if let Some(id) = &seen.id.0 {
            let record = world.queries.find(caller, id).await.expect("own queries are visible");
            let failure = record.failure.as_ref();
            seen.recorded = format!("{:?}", failure.map(|failure| (&failure.code, &failure.message)));
            seen.history = history(record);
        }
        if look == Look::AnswerAndPlan && question {
            let plan = world.run_as(caller, explained).await.map_err(|failure| failure.error);
            seen.plan = plan.map_or_else(|error| format!("{} {error}", error.code.text()), |answer| answer.text());
        }
        seen
    }

    /// Writes another name for one that is of the world, not of the answer.
    pub fn rename(&mut self, from: &str, to: &str) {
        let rename = |text: &mut String| *text = text.replace(from, to);
        if let Some((columns, rows)) = &mut self.rows {
            rename(columns);
            rows.iter_mut().for_each(rename);
        }
        if let Some((_, message)) = &mut self.failure {
            rename(message);
        }
        rename(&mut self.history);
        rename(&mut self.recorded);
        rename(&mut self.plan);
    }

    /// Rows alone, or the code of the failure: what a physically filtered copy must answer too.
    pub fn outcome(&self) -> Result<&[String], &'static str> {
        match (&self.rows, &self.failure) {
            (Some((_, rows)), _) => Ok(rows),
            (None, Some((code, _))) => Err(code),
            (None, None) => Err("nothing"),
        }
    }

    /// Each failed at a value, and in another way: which of two values comes first is the order of rows that nobody sorted
    /// (`docs/adr/0024-the-order-of-unsorted-rows-is-no-answer.md`).
    pub fn failed_in_another_way(&self, other: &Self) -> bool {
        let [one, other] = [self, other].map(|seen| seen.failure.as_ref().map(|(code, _)| *code));
        let is_of_a_row = |code: Option<&str>| code.is_some_and(|code| OF_A_ROW.contains(&code));
        is_of_a_row(one) && is_of_a_row(other) && one != other
    }

    /// All but which failure it was.
    pub fn but_for_the_failure(&self) -> Self {
        Self {
            failure: None,
            recorded: String::new(),
            ..self.clone()
        }
    }

    /// All of it as one text.
    pub fn text(&self) -> String {
        format!("{self}\n{} {}\n{}", self.history, self.recorded, self.plan)
    }
}

/// Rows or failure.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.rows, &self.failure) {
            (Some((columns, rows)), _) => write!(f, "{columns}\n{}", rows.join("\n")),
            (_, Some((code, message))) => write!(f, "{code} {message}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

fn history(mut record: QueryRecord) -> String {
    // Rows are sent as parts of the scan yield them: how many have left when one fails is a matter of time.
    if record.failure.is_some() {
        record.usage.rows = 0;
    }
    // Who is shown the truth sees everything, and the truth is never the same twice.
    if record.usage.detailed {
        record.usage = Usage {
            rows: record.usage.rows,
            ..Usage::default()
        };
    }
    format!("{} {:?} {:?}", record.state.word(), record.statement, record.usage)
}

/// What the order of rows is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Part of the answer.
    Given,
    /// Not asked for: parts of a scan are read side by side, and come as they come.
    None,
    /// Not asked for, and yet it decides which rows there are: only their number is an answer.
    Any,
}

/// What a statement says about the order of its rows.
pub fn order(sql: &str) -> Order {
    match (sql.contains("ORDER BY"), sql.contains("LIMIT")) {
        (true, _) => Order::Given,
        (false, true) => Order::Any,
        (false, false) => Order::None,
    }
}

/// It has a plan.
pub fn is_question(sql: &str) -> bool {
    sql.starts_with("SELECT") || sql.starts_with("WITH")
}
