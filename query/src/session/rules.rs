//! Which rules may rewrite a plan? The engine's, without one that gives wrong rows, and with those that make arithmetic
//! and the comparison of moments exact.

use std::sync::Arc;

use datafusion::{
    execution::SessionStateBuilder,
    optimizer::{Analyzer, AnalyzerRule},
    physical_optimizer::optimizer::PhysicalOptimizer,
};

use super::{
    arithmetic::CheckedArithmetic, binary_text::NamedText, meaning, membership::Membership, moments::ComparedMoments,
};
use crate::govern::join_keys::JoinKeys;

/// Physical rules that are left out.
///
/// `FilterPushdown` finds the columns of a condition by name in the child's schema and takes the first: over a join of two
/// tables with columns of one name, the condition of one of them is moved to the other (family of datafusion#25259). It
/// would gain nothing: the optimizer of logical plans has moved all conditions before, and governed scans take none of it.
///
/// `aggregate_statistics` answers counts, minima and maxima from exact figures. A governed scan has none; without the rule
/// nothing else can pass for one either.
// sorted: start
const REFUSED_PHYSICAL: &[&str] = &["FilterPushdown", "FilterPushdown(Post)", "aggregate_statistics"];
// sorted: end

/// Gives a session its rules.
pub fn register(builder: SessionStateBuilder) -> SessionStateBuilder {
    // Before the engine finds common types, and after.
    let mut analyzer: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(Membership)];
    analyzer.extend(meaning::before_types());
    analyzer.push(Arc::new(ComparedMoments));
    analyzer.extend(Analyzer::new().rules);
    analyzer.push(Arc::new(CheckedArithmetic));
    analyzer.push(Arc::new(NamedText));
    let mut physical = PhysicalOptimizer::new().rules;
    physical.retain(|rule| !REFUSED_PHYSICAL.contains(&rule.name()));
    physical.push(Arc::new(JoinKeys));
    builder
        .with_analyzer_rules(analyzer)
        .with_physical_optimizer_rules(physical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_rules_exist_in_the_engine_and_not_in_a_session() {
        let all = PhysicalOptimizer::new().rules;
        let state = register(SessionStateBuilder::new().with_default_features()).build();
        for name in REFUSED_PHYSICAL {
            assert!(all.iter().any(|rule| rule.name() == *name), "{name} is no rule");
            assert!(!state.physical_optimizers().iter().any(|rule| rule.name() == *name));
        }
        assert_eq!(
            state.physical_optimizers().len(),
            all.len() - REFUSED_PHYSICAL.len() + 1
        );
    }
}
