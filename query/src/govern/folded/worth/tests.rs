//! What is guessed of joins.

use lakegate_connectors::{scan::Guard, split::Handle};

use super::*;

fn of(table: usize, name: &str) -> ColumnRef {
    ColumnRef {
        table,
        ..ColumnRef::of(name)
    }
}

fn leaf() -> Relation {
    Relation::Table {
        table: Handle::new(()),
        columns: Vec::new(),
        guard: Guard::none(),
    }
}

fn join(left: Relation, kind: JoinKind, right: Relation, on: &[(ColumnRef, ColumnRef)]) -> Relation {
    Relation::Join {
        left: Box::new(left),
        right: Box::new(right),
        kind,
        on: on.to_vec(),
    }
}

fn keys() -> Vec<KeySpec> {
    let columns = vec![ColumnId::new("id"), ColumnId::new("part")];
    vec![KeySpec { primary: true, columns }]
}

/// Tables of a thousand rows, and of so many below their conditions; only the first has no key of `id` and `part`.
fn sized(relation: &Relation, left: [u64; 3]) -> Size {
    sized_without(0, relation, left)
}

/// The same where only the table of this number has none.
fn sized_without(keyless: usize, relation: &Relation, left: [u64; 3]) -> Size {
    let keys = keys();
    let sides = left.iter().enumerate().map(|(number, rows)| Side {
        size: Size {
            rows: Some(*rows),
            whole: Some(1_000),
            of: Some(number),
        },
        keys: if number == keyless { &[] } else { &keys },
    });
    joined(relation, &mut 0, &sides.collect::<Vec<_>>()).expect("a size")
}

fn on(one: usize, other: usize, names: &[&str]) -> Vec<(ColumnRef, ColumnRef)> {
    names.iter().map(|name| (of(one, name), of(other, name))).collect()
}

#[test]
fn a_join_by_a_whole_key_is_no_larger_than_the_other_side() {
    use JoinKind::{Anti, Inner, Left, Semi};
    let whole = ["id", "part", "more"];
    for (kind, names, rows, of) in [
        // Of 500 rows, those whose partner is among 100 of 1,000.
        (Inner, &whole[..2], 50, Some(0)),
        (Inner, &whole[..3], 50, Some(0)),
        (Inner, &whole[..1], 500, None),
        (Left, &whole[..2], 500, Some(0)),
        (Left, &whole[..1], 500, None),
        (Semi, &whole[..1], 50, Some(0)),
        (Anti, &whole[..1], 500, Some(0)),
    ] {
        let size = sized(&join(leaf(), kind, leaf(), &on(0, 1, names)), [500, 100, 0]);
        assert_eq!((size.rows, size.of), (Some(rows), of), "{kind:?} {names:?}");
    }
    // The key may be that of the left side; not of an outer join, whose rows may then be any number.
    for (kind, rows, of) in [(Inner, 50, Some(1)), (Left, 500, None), (Semi, 50, Some(0))] {
        let size = sized_without(1, &join(leaf(), kind, leaf(), &on(0, 1, &whole[..2])), [500, 100, 0]);
        assert_eq!((size.rows, size.of), (Some(rows), of), "{kind:?}");
    }
}

/// The key of one of two joined tables is one of both only where each of its rows is there once.
#[test]
fn a_key_is_one_of_joined_rows_that_repeat_no_row() {
    let key = ["id", "part"];
    // The second is driven by the first, which has no key.
    let star = join(leaf(), JoinKind::Inner, leaf(), &on(0, 1, &key));
    let third = join(star, JoinKind::Inner, leaf(), &on(0, 2, &key));
    assert_eq!(
        sized(&third, [1_000, 1_000, 100]),
        Size {
            rows: Some(100),
            whole: Some(1_000),
            of: Some(0)
        }
    );
    // What repeats rows of the second is met by its key more than once.
    let many = join(leaf(), JoinKind::Inner, leaf(), &on(0, 1, &["id"]));
    let third = join(many, JoinKind::Inner, leaf(), &on(1, 2, &["id"]));
    assert_eq!(sized(&third, [1_000; 3]).of, None);
    // From the other side: the left side has the key.
    let sides = join(leaf(), JoinKind::Inner, leaf(), &on(0, 1, &["x"]));
    assert_eq!(sized(&sides, [1_000; 3]).of, None);
    let other = join(leaf(), JoinKind::Semi, leaf(), &on(0, 1, &["x"]));
    assert_eq!(
        sized(&join(other, JoinKind::Inner, leaf(), &on(0, 2, &key)), [1_000; 3]).of,
        Some(0)
    );
}

#[test]
fn without_figures_nothing_is_known() {
    let size = Size::default();
    assert_eq!(
        met(
            size,
            Size {
                rows: Some(1),
                whole: Some(1),
                of: None
            }
        ),
        None
    );
}
