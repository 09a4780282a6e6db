//! What if the engine's optimizer were another one? Each rule left out once, no rules, rules in another order, other options.
//!
//! Nothing that a rule does may protect what is hidden: the barrier must, whatever stands above it.

use std::sync::Arc;

use datafusion::{
    execution::SessionStateBuilder,
    optimizer::Optimizer,
    physical_optimizer::{PhysicalOptimizerRule, optimizer::PhysicalOptimizer},
};
use lakegate_query::session::EngineChange;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// One way in which the optimizer differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Chaos {
    WithoutLogical(String),
    WithoutPhysical(String),
    /// No logical rule at all.
    Unoptimised,
    /// With the physical rules that sessions refuse.
    AllPhysical,
    /// Logical rules in another order.
    Shuffled(u64),
    /// Batch size, partitions, joins, repartitioning.
    Options(u64),
}

/// Rules that plans are not right without: what is left may give other rows, and still none that is hidden.
const REQUIRED: [&str; 4] = [
    "EnforceDistribution",
    "EnforceSorting",
    "EnsureRequirements",
    "OutputRequirements",
];

impl Chaos {
    /// Each rule once, and some of the rest.
    pub fn all() -> Vec<Self> {
        let logical = Optimizer::new().rules;
        let physical = PhysicalOptimizer::new().rules;
        let mut all: Vec<Self> = logical
            .iter()
            .map(|rule| Self::WithoutLogical(rule.name().to_owned()))
            .collect();
        for rule in &physical {
            let without = Self::WithoutPhysical(rule.name().to_owned());
            if !all.contains(&without) {
                all.push(without);
            }
        }
        all.extend([Self::Unoptimised, Self::AllPhysical]);
        all.extend((0..4).map(Self::Shuffled));
        all.extend((0..4).map(Self::Options));
        all
    }

    /// A random one.
    pub fn random(rng: &mut StdRng) -> Self {
        match rng.random_range(0..3) {
            0 => Self::Shuffled(rng.random()),
            1 => Self::Options(rng.random()),
            _ => {
                let all = Self::all();
                all[rng.random_range(0..all.len())].clone()
            }
        }
    }

    /// Whether plans still mean what they say.
    pub fn keeps_meaning(&self) -> bool {
        match self {
            Self::WithoutPhysical(name) => !REQUIRED.iter().any(|required| name.contains(required)),
            Self::AllPhysical => false,
            _ => true,
        }
    }

    /// The engine that differs so.
    pub fn engine(&self) -> EngineChange {
        let chaos = self.clone();
        EngineChange::of(move |builder| chaos.apply(builder))
    }

    fn apply(&self, mut builder: SessionStateBuilder) -> SessionStateBuilder {
        let mut logical = Optimizer::new().rules;
        match self {
            Self::WithoutLogical(name) => {
                logical.retain(|rule| rule.name() != name);
                builder.with_optimizer_rules(logical)
            }
            Self::WithoutPhysical(name) => {
                let rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = match builder.physical_optimizers() {
                    Some(optimizer) => optimizer.rules.clone(),
                    None => PhysicalOptimizer::new().rules,
                };
                let rules = rules.into_iter().filter(|rule| rule.name() != name).collect();
                builder.with_physical_optimizer_rules(rules)
            }
            Self::Unoptimised => builder.with_optimizer_rules(Vec::new()),
            Self::AllPhysical => builder.with_physical_optimizer_rules(PhysicalOptimizer::new().rules),
            Self::Shuffled(seed) => {
                logical.shuffle(&mut StdRng::seed_from_u64(*seed));
                builder.with_optimizer_rules(logical)
            }
            Self::Options(seed) => {
                options(&mut builder, &mut StdRng::seed_from_u64(*seed));
                builder
            }
        }
    }
}

fn options(builder: &mut SessionStateBuilder, rng: &mut StdRng) {
    let Some(config) = builder.config() else { return };
    let options = config.options_mut();
    let rows = ["1", "2", "3", "8192"][rng.random_range(0..4)];
    options
        .set("datafusion.execution.batch_size", rows)
        .expect("an option of the engine");
    options.execution.target_partitions = rng.random_range(1..5);
    options.execution.coalesce_batches = rng.random();
    options.execution.parquet.pushdown_filters = rng.random();
    options.execution.parquet.reorder_filters = rng.random();
    options.execution.parquet.pruning = rng.random();
    options.optimizer.enable_round_robin_repartition = rng.random();
    options.optimizer.enable_dynamic_filter_pushdown = rng.random();
    options.optimizer.filter_null_join_keys = rng.random();
    options.optimizer.repartition_aggregations = rng.random();
    options.optimizer.repartition_joins = rng.random();
    options.optimizer.repartition_sorts = rng.random();
    options.optimizer.repartition_windows = rng.random();
    options.optimizer.prefer_hash_join = rng.random();
    options.optimizer.prefer_existing_sort = rng.random();
    options.optimizer.prefer_existing_union = rng.random();
    options.optimizer.skip_failed_rules = rng.random();
    options.optimizer.max_passes = rng.random_range(1..5);
}
