//! How is told what an apply did, and how does a lake leave as files?

use lakegate_openapi::lake as wire;

use lakegate_query::gains::{Direction, Effect, Part, Who};

use crate::lake::{ApplyReport, Exported, Told};

/// Principals of one effect that are named.
const PRINCIPALS: usize = 50;

/// What an apply did, or would do.
#[must_use]
pub fn applied(report: ApplyReport) -> wire::LakeApplied {
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
            created: number(report.counts.created),
            updated: number(report.counts.updated),
            deleted: number(report.counts.deleted),
            unchanged: number(report.counts.unchanged),
        },
        warnings: report.warnings,
        effects: report.told.as_ref().map(effects),
    }
}

/// Who gains or loses what.
#[must_use]
pub fn effects(told: &Told) -> wire::LakeEffects {
    wire::LakeEffects {
        gains: number(told.gains),
        losses: number(told.losses),
        digest: told.digest.clone(),
        items: told.effects.iter().map(effect).collect(),
    }
}

fn effect(effect: &Effect) -> wire::LakeEffect {
    let word = match effect.direction {
        Direction::Gain => "gain",
        Direction::Loss => "loss",
    };
    wire::LakeEffect {
        direction: word.to_owned(),
        principals: effect.who.iter().take(PRINCIPALS).map(ToString::to_string).collect(),
        principal_count: number(effect.who.len()),
        object: effect.object.name.clone(),
        part: effect.part.word().to_owned(),
        names: effect.items.clone(),
        before: effect.before.clone(),
        after: effect.after.clone(),
        when: effect.when.clone(),
        compared: effect.compared,
        example: example(effect),
    }
}

/// `as ana: select email from lake.sales.orders`.
fn example(effect: &Effect) -> Option<String> {
    let columns = match effect.part {
        Part::Rows | Part::Source => "*".to_owned(),
        Part::Columns => effect.items.join(", "),
        _ => return None,
    };
    let user = effect.who.iter().find_map(|who| match who {
        Who::User(name) => Some(name),
        Who::Everybody | Who::Role(_) => None,
    })?;
    let (_, relation) = effect.object.name.split_once(':')?;
    Some(format!("as {user}: select {columns} from {relation}"))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
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
