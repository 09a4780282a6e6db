//! Which values is a user's function given? O4 LEAKPROBE: functions that write down their arguments and how often they ran.
//!
//! They are put into the sessions of one world only; no server has them.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use datafusion::{
    arrow::datatypes::DataType,
    common::{Result, ScalarValue},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};
use lakegate_query::session::EngineChange;

use super::oracle::Complaints;
use crate::answer;

/// What the functions have seen since it was asked last.
#[derive(Debug, Default)]
pub struct Probe {
    values: Mutex<BTreeSet<String>>,
    calls: AtomicUsize,
}

impl Probe {
    /// An engine with `f_leak(x)`, which is true, `f_same(x)`, which is `x`, and `f_cnt()`, which is 1.
    pub fn engine(self: &Arc<Self>) -> EngineChange {
        let probe = Arc::clone(self);
        EngineChange::of(move |mut builder| {
            let functions = builder.scalar_functions().get_or_insert_default();
            for kind in [Kind::Leak, Kind::Same, Kind::Count] {
                functions.push(Arc::new(ScalarUDF::new_from_impl(Watcher::new(kind, &probe))));
            }
            builder
        })
    }

    /// Values since the last look, without NULL.
    pub fn take_values(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.values.lock().expect("a lock"))
    }

    /// Rows that `f_cnt` ran for since the last look.
    pub fn take_calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

/// Whether a statement must call its function at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    Some,
    /// Another part of the statement may decide.
    None,
}

/// O4: what a function was given are governed values of visible rows, and it was given some where there are some.
pub fn leakprobe(sql: &str, given: &BTreeSet<String>, shown: &BTreeSet<String>, need: Need) -> Complaints {
    let hidden: Vec<&String> = given.difference(shown).collect();
    let mut complaints = Vec::new();
    if !hidden.is_empty() {
        complaints.push(format!("O4: {sql}: a function was given {hidden:?}"));
    }
    if need == Need::Some && given.is_empty() && !shown.is_empty() {
        complaints.push(format!("O4: {sql}: the probe saw nothing"));
    }
    complaints
}

/// O4: a function without arguments ran for visible rows at most, so often each.
pub fn callprobe(sql: &str, calls: usize, most: usize) -> Complaints {
    if (1..=most).contains(&calls) {
        return Vec::new();
    }
    vec![format!(
        "O4: {sql}: a function ran for {calls} rows, not for 1 to {most}"
    )]
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Kind {
    Leak,
    Same,
    Count,
}

#[derive(Debug)]
struct Watcher {
    kind: Kind,
    signature: Signature,
    probe: Arc<Probe>,
}

impl Watcher {
    fn new(kind: Kind, probe: &Arc<Probe>) -> Self {
        // Immutable functions may be moved anywhere: the hardest case.
        let signature = match kind {
            Kind::Leak | Kind::Same => Signature::any(1, Volatility::Immutable),
            Kind::Count => Signature::nullary(Volatility::Volatile),
        };
        Self {
            kind,
            signature,
            probe: Arc::clone(probe),
        }
    }
}

impl PartialEq for Watcher {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Watcher {}

impl Hash for Watcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
    }
}

impl ScalarUDFImpl for Watcher {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Leak => "f_leak",
            Kind::Same => "f_same",
            Kind::Count => "f_cnt",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match (self.kind, types) {
            (Kind::Leak, _) => DataType::Boolean,
            (Kind::Same, [data_type]) => data_type.clone(),
            _ => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ScalarFunctionArgs { args, number_rows, .. } = args;
        if self.kind == Kind::Count {
            self.probe.calls.fetch_add(number_rows, Ordering::SeqCst);
            let ones = ScalarValue::Int64(Some(1)).to_array_of_size(number_rows)?;
            return Ok(ColumnarValue::Array(ones));
        }
        let array = args[0].to_array(number_rows)?;
        let seen = (0..array.len()).filter(|row| array.is_valid(*row)).map(|row| {
            let one = array.slice(row, 1);
            answer::texts(one.as_ref()).concat()
        });
        self.probe.values.lock().expect("a lock").extend(seen);
        Ok(match self.kind {
            Kind::Leak => ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))),
            _ => ColumnarValue::Array(array),
        })
    }
}
