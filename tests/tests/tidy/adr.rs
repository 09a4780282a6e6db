//! Decision records are called `NNNN-words.md`, begin with `# NNNN …`, and their numbers have neither gaps nor doubles.

use super::Complaint;
use super::tree::TreeFile;

pub fn check(records: &[TreeFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut numbers = Vec::new();
    for record in records {
        match number(&record.path) {
            None => complaints.push(format!("{}: a decision record is called `NNNN-words.md`", record.path)),
            Some(number) => {
                numbers.push(number);
                complaints.extend(check_heading(record, number));
            }
        }
    }
    numbers.sort_unstable();
    for (expected, number) in (0..)
        .zip(&numbers)
        .filter(|(expected, number)| expected != *number)
        .take(1)
    {
        complaints.push(format!(
            "docs/adr: {number:04} stands where {expected:04} belongs: numbers have no gaps or doubles"
        ));
    }
    complaints
}

fn check_heading(record: &TreeFile, number: usize) -> Option<Complaint> {
    let heading = format!("# {number:04} ");
    let first = record.text.lines().next().unwrap_or_default();
    (!first.starts_with(&heading)).then(|| format!("{}:1: the heading begins with `{heading}`", record.path))
}

fn number(path: &str) -> Option<usize> {
    let (digits, words) = path.rsplit('/').next()?.strip_suffix(".md")?.split_once('-')?;
    let named = !words.is_empty()
        && words
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    (named && digits.len() == 4).then(|| digits.parse().ok())?
}

#[cfg(test)]
fn record(name: &str, heading: &str) -> TreeFile {
    TreeFile {
        path: format!("docs/adr/{name}"),
        text: format!("{heading}\n"),
    }
}

#[test]
fn accepts_numbered_records() {
    assert!(check(&[]).is_empty());
    assert!(
        check(&[
            record("0000-template.md", "# 0000 Title"),
            record("0001-sqlite.md", "# 0001 SQLite")
        ])
        .is_empty()
    );
}

#[test]
fn finds_bad_names_and_headings() {
    for name in ["sqlite.md", "1-sqlite.md", "0001-SQLite.md", "0001-.md"] {
        assert_eq!(check(&[record(name, "# 0000 Title")]).len(), 1, "{name}");
    }
    assert_eq!(check(&[record("0000-template.md", "# Template")]).len(), 1);
}

#[test]
fn finds_gaps_and_doubles() {
    let (zero, one) = (record("0000-a.md", "# 0000 A"), record("0001-b.md", "# 0001 B"));
    assert_eq!(check(&[zero.clone(), record("0002-c.md", "# 0002 C")]).len(), 1);
    assert_eq!(check(&[zero, one.clone(), one]).len(), 1);
}
