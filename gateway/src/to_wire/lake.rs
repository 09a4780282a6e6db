//! How is told what an apply did, and how does a lake leave as files?

use lakegate_openapi::lake as wire;

use crate::lake::{ApplyReport, Exported};

/// What an apply did, or would do.
#[must_use]
pub fn applied(report: ApplyReport) -> wire::LakeApplied {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    wire::LakeApplied {
        lake: report.lake,
        version: report.version,
        dry_run: report.dry_run,
        changes: report
            .changes
            .into_iter()
            .map(|change| wire::LakeChange {
                kind: change.kind.word().to_owned(),
                name: change.name,
                change: change.change.word().to_owned(),
                fields: change.fields,
            })
            .collect(),
        inferred: report
            .inferred
            .into_iter()
            .map(|(table, columns)| wire::InferredTable {
                table,
                columns: columns
                    .into_iter()
                    .map(|(name, type_text)| wire::InferredColumn { name, type_text })
                    .collect(),
            })
            .collect(),
        counts: wire::LakeCounts {
            created: count(report.counts.created),
            updated: count(report.counts.updated),
            deleted: count(report.counts.deleted),
            unchanged: count(report.counts.unchanged),
        },
        warnings: report.warnings,
    }
}

/// The files of a lake. One without policies has no Cedar file.
#[must_use]
pub fn exported(exported: Exported) -> wire::LakeExported {
    let file = |name: &str, text: String| wire::LakeFile {
        name: name.to_owned(),
        text,
    };
    let cedar = (!exported.cedar.is_empty()).then(|| file("policies.cedar", exported.cedar));
    let files = std::iter::once(file("lake.yaml", exported.yaml)).chain(cedar).collect();
    wire::LakeExported {
        lake: exported.lake,
        files,
    }
}
