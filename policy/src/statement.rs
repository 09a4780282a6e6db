//! Which policies does a file hold?
//!
//! Splits text into statements and checks what Cedar does not: ids, the vocabulary of annotations, no templates.
//! (`PolicySet::from_str` ignores `@id` and accepts duplicates; any annotation validates.)

use crate::cedar_text::{Kind, Word, position, unescape, words};
use crate::grant::TEMPLATE_PREFIX;
use crate::nearest::nearest;
use crate::problem::PolicyProblem;
use crate::size::too_large;
use cedar_policy::Policy;
use cedar_policy::ffi::DetailedError;
use std::collections::BTreeMap;

/// The annotations that a policy may carry.
pub const ANNOTATIONS: &[&str] = &["doc", "id", "kind", "owner", "ticket"];

/// One policy of a file, with names where ids will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its `@id`.
    pub id: String,
    /// Its text, from its first annotation to its semicolon.
    pub text: String,
    /// Line of the file where `text` begins, from 1.
    pub line: usize,
    /// Column where `text` begins, from 1, in characters.
    pub column: usize,
    /// Annotations, `id` included; one without value has an empty one.
    pub annotations: BTreeMap<String, String>,
}

impl Statement {
    /// Where in the file a position of `text` lies.
    pub(crate) fn locate(&self, mut problem: PolicyProblem) -> PolicyProblem {
        if problem.line == Some(1) {
            problem.column = problem.column.map(|column| column + self.column - 1);
        }
        problem.line = problem.line.map(|line| line + self.line - 1);
        problem.of(&self.id)
    }
}

/// Splits a file into its policies, or reports every problem with line and column.
pub fn split_policies(text: &str) -> Result<Vec<Statement>, Vec<PolicyProblem>> {
    let all = words(text).map_err(|problem| vec![problem])?;
    let mut statements: Vec<Statement> = Vec::new();
    let mut problems = Vec::new();
    for piece in all.split_inclusive(|word| word.is(';')) {
        match statement(text, piece) {
            Err(found) => problems.extend(found),
            Ok(new) => {
                if let Some(first) = statements.iter().find(|old| old.id == new.id) {
                    let message = format!("policy id `{}` is already used at line {}", new.id, first.line);
                    let problem = PolicyProblem::new(message, "give each policy an `@id` of its own").of(&new.id);
                    problems.push(PolicyProblem {
                        line: Some(new.line),
                        column: Some(new.column),
                        ..problem
                    });
                }
                statements.push(new);
            }
        }
    }
    if problems.is_empty() {
        Ok(statements)
    } else {
        Err(problems)
    }
}

fn statement(text: &str, piece: &[Word<'_>]) -> Result<Statement, Vec<PolicyProblem>> {
    let (Some(first), Some(last)) = (piece.first(), piece.last()) else {
        return Err(Vec::new());
    };
    if !last.is(';') {
        let problem = PolicyProblem::new("the policy does not end", "end it with a semicolon");
        return Err(vec![problem.at(text, first.start)]);
    }
    if let Some(problem) = too_large(text, piece) {
        return Err(vec![problem]);
    }
    let (mut problems, annotations) = annotations(text, piece);
    let body = text.get(first.start..last.end()).unwrap_or("");
    let id = annotations.get("id").cloned().unwrap_or_default();
    problems.extend(id_problem(&id).map(|problem| problem.at(text, first.start)));
    if let Some(slot) = piece.iter().find(|word| word.kind == Kind::Slot) {
        let message = format!("template slot `{}`", slot.text);
        problems
            .push(PolicyProblem::new(message, "templates are the server's own: write a grant").at(text, slot.start));
    } else if let Err(errors) = Policy::parse(None, body) {
        problems.extend(
            errors
                .iter()
                .map(|error| PolicyProblem::from_cedar(DetailedError::from(error), text, first.start)),
        );
    }
    if !problems.is_empty() {
        return Err(problems
            .into_iter()
            .map(|problem| if id.is_empty() { problem } else { problem.of(&id) })
            .collect());
    }
    let (line, column) = position(text, first.start);
    Ok(Statement {
        id,
        text: body.to_owned(),
        line,
        column,
        annotations,
    })
}

/// What is wrong with the id of a policy, for itself.
pub(crate) fn id_problem(id: &str) -> Option<PolicyProblem> {
    if id.is_empty() {
        return Some(PolicyProblem::new("the policy has no id", "begin it with `@id(\"…\")`"));
    }
    id.starts_with(TEMPLATE_PREFIX).then(|| {
        let message = format!("policy id `{id}` begins with `{TEMPLATE_PREFIX}`");
        PolicyProblem::new(message, "choose another id: these belong to the server's templates")
    })
}

fn annotations(text: &str, piece: &[Word<'_>]) -> (Vec<PolicyProblem>, BTreeMap<String, String>) {
    let (mut problems, mut found) = (Vec::new(), BTreeMap::new());
    let mut rest = piece;
    while let [at, key, tail @ ..] = rest
        && at.is('@')
    {
        let (value, tail) = match tail {
            [open, value, close, tail @ ..] if open.is('(') && value.kind == Kind::Text && close.is(')') => {
                (unescape(value.text).unwrap_or_default(), tail)
            }
            _ => (String::new(), tail),
        };
        if !ANNOTATIONS.contains(&key.text) {
            problems.push(unknown_annotation(key.text).at(text, key.start));
        }
        found.insert(key.text.to_owned(), value);
        rest = tail;
    }
    (problems, found)
}

fn unknown_annotation(key: &str) -> PolicyProblem {
    let remedy = match nearest(key, ANNOTATIONS.iter().copied()) {
        Some(known) => format!("write `@{known}`"),
        None => format!("use one of `{}`", ANNOTATIONS.join("`, `")),
    };
    PolicyProblem::new(format!("unknown annotation `@{key}`"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "// first; not a policy\n@id(\"a\") @doc(\"x; y\")\npermit(principal, action, resource);\n  @id(\"b\")\nforbid(principal, action, resource) when { \";\" == \"//\" };\n// end";

    fn problems(text: &str) -> Vec<(Option<usize>, Option<usize>, String)> {
        let problems = split_policies(text).unwrap_err();
        problems
            .into_iter()
            .map(|problem| (problem.line, problem.column, problem.message))
            .collect()
    }

    #[test]
    fn statements_keep_text_position_and_annotations() {
        let found = split_policies(GOOD).unwrap();
        assert_eq!(
            found
                .iter()
                .map(|s| (s.id.as_str(), s.line, s.column))
                .collect::<Vec<_>>(),
            [("a", 2, 1), ("b", 4, 3)]
        );
        assert_eq!(
            found[0].text,
            "@id(\"a\") @doc(\"x; y\")\npermit(principal, action, resource);"
        );
        assert_eq!(found[0].annotations["doc"], "x; y");
        assert!(split_policies("// nothing\n").unwrap().is_empty());
    }

    #[test]
    fn a_missing_or_repeated_id_is_a_problem() {
        assert_eq!(
            problems("\n permit(principal, action, resource);")[0],
            (Some(2), Some(2), "the policy has no id".to_owned())
        );
        let twice = format!("{GOOD}\n@id(\"a\") permit(principal, action, resource);");
        assert_eq!(
            problems(&twice)[0],
            (Some(7), Some(1), "policy id `a` is already used at line 2".to_owned())
        );
        let reserved = problems("@id(\"tpl.select\") permit(principal, action, resource);");
        assert!(reserved[0].2.contains("begins with `tpl.`"));
    }

    #[test]
    fn unknown_annotations_templates_and_loose_ends_are_refused() {
        let text = "@id(\"x\") @row_fitler(\"y\") permit(principal, action, resource);";
        assert_eq!(
            problems(text),
            [(Some(1), Some(11), "unknown annotation `@row_fitler`".to_owned())]
        );
        let near = split_policies("@id(\"x\") @ower(\"y\") permit(principal, action, resource);").unwrap_err();
        assert_eq!(near[0].remedy, "write `@owner`");
        let template = problems("@id(\"x\") permit(principal == ?principal, action, resource);");
        assert_eq!(template[0].2, "template slot `?principal`");
        assert_eq!(
            problems("@id(\"x\") permit(principal, action, resource)")[0].2,
            "the policy does not end"
        );
    }

    #[test]
    fn syntax_errors_are_located() {
        let found = problems("@id(\"x\")\npermit(principal, action, resource) when { 1 + };");
        assert_eq!((found[0].0, found[0].1), (Some(2), Some(48)));
    }
}
