//! Does governance hold at the source? What a guard hides does not leave, fails nobody and is asked by no condition.

use std::sync::Arc;

use datafusion::common::ScalarValue;

use super::{
    Check, Outcome, Subject, ask, ensure,
    fixture::MARK,
    proxy::{Fault, Proxy},
};
use crate::{
    capability::Pushdown,
    connection::Connection,
    predicate::{CompareOp, Predicate},
    scan::{ColumnId, ColumnRef, Guard, MaskExpr},
};

const NO_WIRE: &str = "nothing of it crosses a wire: the source lies in this process and so does the connector";

fn of_ana() -> Predicate {
    Predicate::compare("owner", CompareOp::Eq, ScalarValue::from("ana"))
}

/// Captures what the source sends; over a network also what the transport sends.
pub(super) async fn on_the_wire(subject: &Subject) -> Check {
    let mut asked = false;
    if let (Some(address), true) = (subject.fixture.address(), subject.fixture.through(1).is_some()) {
        let proxy = Proxy::start(address, Fault::None).await?;
        let through = subject
            .fixture
            .through(proxy.port())
            .map(|source| subject.route.connection(source));
        captured(subject, through, &proxy).await?;
        asked = true;
    }
    if let Some(address) = subject.route.address() {
        let proxy = Proxy::start(address, Fault::None).await?;
        let through = subject.route.through(subject.fixture.connection(), proxy.port());
        captured(subject, through, &proxy).await?;
        asked = true;
    }
    Ok(if asked { Outcome::Kept } else { Outcome::Blank(NO_WIRE) })
}

async fn captured(subject: &Subject, through: Option<Connection>, proxy: &Proxy) -> Result<(), super::Broken> {
    let lake = subject.lake();
    let mut cx = subject.call("wire");
    cx.connection = Arc::new(through.ok_or_else(|| super::Broken::new("there is no way through a proxy"))?);
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, lake.owned).await?;
    let scan = ask::scan(&spec, &[], ask::guard(of_ana()), Vec::new());
    let (planned, rows) = ask::read(subject.connector.as_ref(), &cx, scan).await?;
    ensure!(
        planned.guard == Pushdown::Exact,
        "an equality on text is no exact guard: {planned:?}"
    );
    ensure!(rows.num_rows() == 50, "{} rows of 50", rows.num_rows());
    ensure!(!proxy.saw(MARK), "hidden rows left the source");
    // The capture sees what comes: without the guard the mark does.
    let scan = ask::scan(&spec, &[], Guard::none(), Vec::new());
    ask::read(subject.connector.as_ref(), &cx, scan).await?;
    ensure!(proxy.saw(MARK), "the capture is blind");
    Ok(())
}

pub(super) async fn hidden_values(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("hidden"), subject.lake());
    ensure!(!lake.hidden.is_empty(), "the fixture hides no broken value");
    for hidden in &lake.hidden {
        let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, hidden.table).await?;
        let scan = ask::scan(&spec, &hidden.columns, ask::guard(hidden.guard.clone()), Vec::new());
        let (_, rows) = ask::read(subject.connector.as_ref(), &cx, scan).await?;
        let visible = hidden.guard.evaluate(&rows)?.true_count();
        ensure!(
            visible == hidden.rows,
            "`{}`: {visible} rows of {}",
            hidden.table,
            hidden.rows
        );
    }
    Ok(Outcome::Kept)
}

pub(super) async fn masks(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("masks"), subject.lake());
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, lake.owned).await?;
    let mask = MaskExpr {
        function: "show-last-4".into(),
        arguments: Vec::new(),
    };
    let masked = Guard {
        rows: Predicate::True,
        masks: vec![(ColumnId::new("owner"), mask)],
    };
    let mut scan = ask::scan(&spec, &["id", "owner"], masked, vec![of_ana()]);
    scan.limit = Some(1);
    let (planned, rows) = ask::read(subject.connector.as_ref(), &cx, scan).await?;
    let writes = spec.capabilities.masks.0.contains(&"show-last-4");
    ensure!(
        writes || (planned.guard != Pushdown::Exact && planned.filter == [Pushdown::Unsupported]),
        "a condition asks the unmasked value: {planned:?}"
    );
    ensure!(writes || rows.num_rows() == 100, "{} rows of 100", rows.num_rows());
    Ok(Outcome::Kept)
}

pub(super) async fn computed(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("computed"), subject.lake());
    let Some((view, column)) = lake.computed else {
        return Ok(Outcome::Blank("the source computes no columns"));
    };
    let asked = || Predicate::IsNull {
        column: ColumnRef::of(column),
        negated: true,
    };
    for (name, column) in [(view, column), (lake.owned, "note")] {
        let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, name).await?;
        let asked = if name == view {
            asked()
        } else {
            Predicate::IsNull {
                column: ColumnRef::of(column),
                negated: true,
            }
        };
        let scan = ask::scan(&spec, &["id", "owner"], ask::guard(of_ana()), vec![asked.clone()]);
        let (planned, rows) = ask::read(subject.connector.as_ref(), &cx, scan).await?;
        ensure!(
            name != view || planned.filter == [Pushdown::Unsupported],
            "a condition on what `{view}` computes stands beside the guard: {planned:?}"
        );
        ensure!(rows.num_rows() >= 50, "`{name}`: {} rows of 50", rows.num_rows());
        // Without a guard nothing is hidden, and it may be asked.
        let scan = ask::scan(&spec, &["id"], Guard::none(), vec![asked]);
        subject
            .connector
            .plan(&cx, crate::connector::PlanRequest { scan })
            .await?;
    }
    Ok(Outcome::Kept)
}
