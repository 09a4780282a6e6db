//! Is the intersection the rule of the page, in every combination? And never more than either shows?

use super::*;

/// What stands in one cell, from revealing most to least.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Cell {
    Clear,
    Mask(&'static str),
    Null,
    /// The row or the column is not there.
    Absent,
}

const MASKS: &[(&str, u32, i64)] = &[("own-10", 0, 10), ("own-20", 0, 20), ("struct-10", 1, 10)];
const FILTERS: &[&str] = &["f", "g", "hold"];

fn facts() -> RelationFacts {
    let mask = |(id, distance, rank): &(&str, u32, i64)| MaskFacts {
        id: (*id).to_owned(),
        distance: *distance,
        rank: *rank,
    };
    RelationFacts {
        relation: crate::resource::uid("Table", "t"),
        columns: vec![ColumnFacts {
            id: "c".to_owned(),
            decided_as: "c".to_owned(),
            above: Vec::new(),
            masks: MASKS.iter().map(mask).collect(),
        }],
        filters: Vec::new(),
    }
}

fn list(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// Every decision that one user could have about a table of one column.
fn accesses() -> Vec<Access> {
    let rows = [RowScope::None, RowScope::All, RowScope::AnyOf(list(&["f"]))];
    let clears = [
        Clear::Never,
        Clear::Always,
        Clear::Where(list(&["f"])),
        Clear::Where(list(&["g"])),
    ];
    let masks: Vec<MaskChoice> = MASKS
        .iter()
        .map(|(id, _, _)| MaskChoice::Mask((*id).to_owned()))
        .chain([MaskChoice::None, MaskChoice::NullByTie])
        .collect();
    let mut all = Vec::new();
    for rows in &rows {
        for restrictive in [list(&[]), list(&["hold"])] {
            for clear in &clears {
                for mask in &masks {
                    all.push(access(rows, &restrictive, clear, mask));
                }
            }
        }
    }
    all
}

fn access(rows: &RowScope, restrictive: &[String], clear: &Clear, mask: &MaskChoice) -> Access {
    Access {
        gate: Verdict::NoPermit,
        select: false,
        rows: rows.clone(),
        restrictive: restrictive.to_vec(),
        columns: vec![ColumnAccess {
            id: "c".to_owned(),
            clear: clear.clone(),
            mask: mask.clone(),
        }],
        bypassed: Vec::new(),
        policies: Vec::new(),
        errors: Vec::new(),
        alerts: Vec::new(),
        joint: None,
    }
}

/// Which filters hold for a user on an imagined row: their bodies read the user's own attributes.
type Holds<'a> = &'a dyn Fn(&str) -> bool;

fn row_shown(rows: &RowScope, restrictive: &[String], holds: Holds<'_>) -> bool {
    let in_scope = match rows {
        RowScope::None => false,
        RowScope::All => true,
        RowScope::AnyOf(ids) => ids.iter().any(|id| holds(id)),
    };
    in_scope && restrictive.iter().all(|id| holds(id))
}

fn is_clear(column: &ColumnAccess, holds: Holds<'_>) -> bool {
    match &column.clear {
        Clear::Always => true,
        Clear::Never => false,
        Clear::Where(ids) => ids.iter().any(|id| holds(id)),
    }
}

fn masked(choice: &MaskChoice) -> Cell {
    match choice {
        MaskChoice::Mask(id) => Cell::Mask(MASKS.iter().find(|mask| mask.0 == id).unwrap().0),
        MaskChoice::None | MaskChoice::NullByTie => Cell::Null,
    }
}

/// Rules 4 and 5 of §3 for one user.
fn cell(access: &Access, holds: Holds<'_>) -> Cell {
    let column = &access.columns[0];
    let shown = row_shown(&access.rows, &access.restrictive, holds);
    match shown && column.is_visible() {
        false => Cell::Absent,
        true if is_clear(column, holds) => Cell::Clear,
        true => masked(&column.mask),
    }
}

/// §2.1: the greater of the two by clear < masks by rank < NULL < hidden. Masks of several bearers have no order.
fn greater_cell(a: Cell, b: Cell) -> Cell {
    match (a, b) {
        (Cell::Absent, _) | (_, Cell::Absent) => Cell::Absent,
        (Cell::Null, _) | (_, Cell::Null) => Cell::Null,
        (Cell::Clear, other) | (other, Cell::Clear) => other,
        (Cell::Mask(a), Cell::Mask(b)) if a == b => Cell::Mask(a),
        (Cell::Mask("own-10" | "own-20"), Cell::Mask("own-10" | "own-20")) => Cell::Mask("own-20"),
        (Cell::Mask(_), Cell::Mask(_)) => Cell::Null,
    }
}

/// What an [`Access`] that is an intersection shows.
fn joint_cell(access: &Access, own: Holds<'_>, other: Holds<'_>) -> Cell {
    let Some(joint) = &access.joint else {
        assert!(!access.is_open(), "an open intersection has parts");
        return Cell::Absent;
    };
    assert!(access.columns[0].is_visible() && access.is_open());
    let shown = |share: &Share, holds: Holds<'_>| row_shown(&share.rows, &share.restrictive, holds);
    if !(shown(&joint.own, own) && shown(&joint.other, other)) {
        return Cell::Absent;
    }
    let (a, b) = (&joint.own.columns[0], &joint.other.columns[0]);
    match (is_clear(a, own), is_clear(b, other)) {
        (true, true) => Cell::Clear,
        (true, false) => masked(&b.mask),
        (false, true) => masked(&a.mask),
        (false, false) => masked(&joint.neither[0]),
    }
}

#[test]
fn an_intersection_is_the_greater_of_both_in_every_combination() {
    let (all, facts) = (accesses(), facts());
    let mut compared = 0;
    for a in &all {
        for b in &all {
            let joint = a.clone().intersect(b.clone(), &facts);
            let always = joint.columns[0].clear == Clear::Always;
            for row in 0..64_u32 {
                let own = |id: &str| row >> FILTERS.iter().position(|known| *known == id).unwrap() & 1 == 1;
                let other = |id: &str| row >> 3 >> FILTERS.iter().position(|known| *known == id).unwrap() & 1 == 1;
                let expected = greater_cell(cell(a, &own), cell(b, &other));
                let found = joint_cell(&joint, &own, &other);
                assert_eq!(found, expected, "{a:?}\n{b:?}\n{row:06b}");
                assert!(!always || matches!(found, Cell::Clear | Cell::Absent), "{joint:?}");
                assert!(!joint.is_unrestricted() || found == Cell::Clear, "{joint:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 120 * 120 * 64);
}

#[test]
fn a_column_that_one_may_not_see_is_hidden_and_without_columns_there_is_no_table() {
    let mut facts = facts();
    facts.columns.push(ColumnFacts {
        id: "d".to_owned(),
        decided_as: "d".to_owned(),
        above: Vec::new(),
        masks: Vec::new(),
    });
    let two = |first: Clear, second: Clear| {
        let mut access = access(&RowScope::All, &[], &first, &MaskChoice::None);
        access.columns.push(ColumnAccess {
            id: "d".to_owned(),
            clear: second,
            mask: MaskChoice::None,
        });
        access
    };
    let joint = two(Clear::Always, Clear::Always).intersect(two(Clear::Always, Clear::Never), &facts);
    assert_eq!(
        joint
            .visible_columns()
            .map(|column| column.id.as_str())
            .collect::<Vec<_>>(),
        ["c"]
    );
    let parts = joint.joint.unwrap();
    assert!(!parts.own.columns[1].is_visible() && !parts.other.columns[1].is_visible());
    let closed = two(Clear::Always, Clear::Never).intersect(two(Clear::Never, Clear::Always), &facts);
    assert!(!closed.is_open() && closed.joint.is_none() && closed.visible_columns().next().is_none());
    // Decisions over other columns are no decisions about these.
    let mut strange = two(Clear::Always, Clear::Always);
    strange.columns.swap(0, 1);
    assert!(!two(Clear::Always, Clear::Always).intersect(strange, &facts).is_open());
}

#[test]
fn an_action_needs_both() {
    let all = [Verdict::Allow, Verdict::Forbidden, Verdict::NoPermit];
    let decision = |verdict, policy: &str| Decision {
        verdict,
        policies: list(&[policy]),
        errors: Vec::new(),
    };
    for a in all {
        for b in all {
            let together = decision(a, "a").and(decision(b, "b"));
            assert_eq!(together.is_allowed(), a == Verdict::Allow && b == Verdict::Allow);
            let forbidden = [a, b].contains(&Verdict::Forbidden);
            assert_eq!(together.verdict == Verdict::Forbidden, forbidden);
        }
    }
    let told = decision(Verdict::Allow, "a").and(decision(Verdict::Forbidden, "b"));
    assert_eq!(told.policies, ["b"], "who permits did not decide");
}
