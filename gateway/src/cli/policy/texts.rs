//! Which Cedar texts are meant, and where does a line of all of them stand?

use std::path::PathBuf;

use crate::{
    cli::{
        failure::{Failure, Result},
        output::tell,
    },
    lake::{LakeInput, SourceText},
};

/// Cedar files, in the order of their names.
#[derive(Debug, Default)]
pub struct CedarTexts {
    /// Name and text.
    pub files: Vec<(String, String)>,
}

impl CedarTexts {
    /// Reads files, and the `*.cedar` of directories; `-` is the standard input.
    ///
    /// # Errors
    /// What cannot be read; no Cedar file at all.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let input = LakeInput::from_paths(paths).map_err(|problems| {
            problems.iter().for_each(tell);
            Failure::local("the files cannot be read")
        })?;
        let named = |name: &str| paths.iter().any(|path| path.display().to_string() == name);
        let files: Vec<(String, String)> = input
            .sources
            .into_iter()
            .filter(|source| source.name.to_lowercase().ends_with(".cedar") || named(&source.name))
            .filter_map(|source| match source.text {
                SourceText::Text(text) => Some((source.name, text)),
                SourceText::Json(_) => None,
            })
            .collect();
        if files.is_empty() {
            return Err(Failure::usage("there is no *.cedar at the named paths"));
        }
        Ok(Self { files })
    }

    /// One text of them all.
    #[must_use]
    pub fn joined(&self) -> String {
        self.files.iter().map(|(_, text)| format!("{text}\n")).collect()
    }

    /// The file of a line of the joined text, and its line there, from 1.
    #[must_use]
    pub fn place(&self, line: u64) -> Option<(&str, u64)> {
        let mut first = 1;
        for (name, text) in &self.files {
            let lines = u64::try_from(text.matches('\n').count())
                .unwrap_or(u64::MAX)
                .saturating_add(1);
            if line < first + lines {
                return Some((name, line + 1 - first));
            }
            first += lines;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_all_is_a_line_of_one() {
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let texts = CedarTexts {
            files: vec![file("a", "1\n2\n"), file("b", ""), file("c", "x\ny")],
        };
        let lines: Vec<String> = texts.joined().lines().map(str::to_owned).collect();
        assert_eq!(lines[..2], ["1", "2"]);
        for (line, expected) in [(1, ("a", 1)), (2, ("a", 2)), (5, ("c", 1)), (6, ("c", 2))] {
            assert_eq!(texts.place(line), Some(expected), "{line}");
            let (name, at) = expected;
            let text = &texts.files.iter().find(|(known, _)| known == name).unwrap().1;
            assert_eq!(
                lines[usize::try_from(line).unwrap() - 1],
                text.lines().nth(usize::try_from(at).unwrap() - 1).unwrap()
            );
        }
        assert_eq!(texts.place(7), None);
    }
}
