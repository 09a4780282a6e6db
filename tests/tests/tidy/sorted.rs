//! Lists between `sorted: start` and `sorted: end` are in alphabetical order, so that two changes rarely meet in one line.

use super::Complaint;

/// A comment of its own on the line, in the languages of the repository.
fn is_marker(line: &str, marker: &str) -> bool {
    let comment = line.trim().strip_prefix("//").or_else(|| line.trim().strip_prefix('#'));
    comment.is_some_and(|text| text.trim() == marker)
}

pub fn check(path: &str, text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut list: Option<(usize, Vec<&str>)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        if is_marker(line, "sorted: start") {
            if let Some((start, _)) = list.replace((number, Vec::new())) {
                complaints.push(format!("{path}:{start}: this sorted list has no end"));
            }
        } else if is_marker(line, "sorted: end") {
            match list.take() {
                Some((start, lines)) => complaints.extend(check_order(path, &entries(start, &lines))),
                None => complaints.push(format!("{path}:{number}: a sorted list ends that did not start")),
            }
        } else if let Some((_, lines)) = list.as_mut() {
            lines.push(line);
        }
    }
    complaints.extend(list.map(|(start, _)| format!("{path}:{start}: this sorted list has no end")));
    complaints
}

/// The entries with the number of their first line: a line with the least indentation and the deeper ones that follow it.
/// Comments, attributes and closing brackets begin no entry.
fn entries(start: usize, lines: &[&str]) -> Vec<(usize, String)> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let written = (start + 1..).zip(lines).filter(|(_, line)| !line.trim().is_empty());
    let least = written.clone().map(|(_, line)| indentation(line)).min();
    let mut entries: Vec<(usize, String)> = Vec::new();
    for (number, line) in written {
        if Some(indentation(line)) > least {
            entries
                .last_mut()
                .into_iter()
                .for_each(|(_, entry)| entry.push_str(line.trim()));
        } else if !line.trim().starts_with(['/', '#', ')', ']', '}']) {
            // Who may see an entry is not its name.
            entries.push((
                number,
                line.trim()
                    .trim_start_matches("pub(crate) ")
                    .trim_start_matches("pub ")
                    .to_owned(),
            ));
        }
    }
    entries
}

/// Numbered entries in the order in which they stand: each must not come before the one above it.
pub fn check_order(path: &str, entries: &[(usize, String)]) -> Vec<Complaint> {
    let pairs = entries.iter().zip(entries.iter().skip(1));
    pairs
        .filter(|((_, above), (_, below))| key(below) < key(above))
        .map(|((_, above), (number, below))| format!("{path}:{number}: `{below}` belongs before `{above}`"))
        .collect()
}

/// Without regard to case and quotes, and `a,` before `ab,`.
fn key(entry: &str) -> String {
    entry.to_lowercase().replace('"', "").replace(',', " ")
}

#[test]
fn finds_unsorted_lists() {
    let list = |body: &str| format!("// sorted: start\n{body}\n// sorted: end\n");
    assert_eq!(check("a.rs", &list("    b,\n    a,")).len(), 1);
    assert_eq!(
        check("a.rs", &list("mod b;\nmod c;\nmod a;")),
        ["a.rs:4: `mod a;` belongs before `mod c;`"]
    );
    assert!(
        check(
            "a.rs",
            &list("    a,\n    // why\n    #[cfg(unix)]\n    ab,\n\n    b(\n        1,\n    ),\n    c,")
        )
        .is_empty()
    );
    assert!(
        check(
            "a.rs",
            &list("    (\"a\", 1),\n    (\n        \"b\",\n        2,\n    ),\n    (\"c\", 3),")
        )
        .is_empty()
    );
    assert_eq!(
        check("a.rs", &list("    (\"b\", 1),\n    (\n        \"a\",\n    ),")).len(),
        1
    );
    assert!(check("a.rs", &list("A,\nb,\nC,")).is_empty());
    assert!(check("a.rs", "b\na\n").is_empty());
}

#[test]
fn finds_half_lists() {
    assert_eq!(check("a.toml", "# sorted: start\na\n").len(), 1);
    assert_eq!(check("a.toml", "a\n# sorted: end\n").len(), 1);
    assert_eq!(
        check("a.toml", "# sorted: start\n# sorted: start\n# sorted: end\n").len(),
        1
    );
}
