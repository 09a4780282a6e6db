//! What does the Cedar schema say?
//!
//! The one parsed copy of `schema.cedarschema` and what follows from it. Compiled in, so every node has the same one.

use crate::action::Action;
use crate::resource;
use cedar_policy::{Entities, EntityTypeName, EntityUid, Schema, Validator};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

/// The namespace of every entity type and action.
pub(crate) const NAMESPACE: &str = "Lakegate";

/// The schema, parsed at first use.
pub(crate) static MODEL: LazyLock<Model> = LazyLock::new(Model::load);

/// The schema and its consequences.
pub(crate) struct Model {
    validator: Validator,
    types: HashMap<String, EntityTypeName>,
    unknown_type: EntityTypeName,
    actions: BTreeMap<Action, ActionFacts>,
    containers: BTreeMap<String, BTreeSet<String>>,
    base_entities: LazyLock<Entities>,
}

/// What the schema says about one action.
pub(crate) struct ActionFacts {
    pub(crate) uid: EntityUid,
    /// The groups it is in, transitively.
    pub(crate) groups: HashSet<EntityUid>,
    /// Types without namespace, sorted.
    pub(crate) resource_types: Vec<String>,
}

impl Model {
    #[expect(
        clippy::expect_used,
        reason = "the schema is compiled in and every test of this crate parses it"
    )]
    fn load() -> Self {
        let (schema, _warnings) =
            Schema::from_cedarschema_str(include_str!("../schema.cedarschema")).expect("the embedded schema parses");
        let type_name = |name: &str| EntityTypeName::from_str(&format!("{NAMESPACE}::{name}")).expect("a valid name");
        let unknown_type = type_name("UnknownType");
        let mut types: HashMap<String, EntityTypeName> = schema
            .entity_types()
            .map(|name| (name.basename().to_owned(), name.clone()))
            .collect();
        types.insert("Action".to_owned(), type_name("Action"));
        let actions = action_facts(&schema, &types);
        let containers = containers(&schema);
        Self {
            validator: Validator::new(schema),
            types,
            unknown_type,
            actions,
            containers,
            base_entities: LazyLock::new(base_entities),
        }
    }

    /// The schema itself.
    pub(crate) fn schema(&self) -> &Schema {
        self.validator.schema()
    }

    /// A validator for the schema.
    pub(crate) fn validator(&self) -> &Validator {
        &self.validator
    }

    /// The full name of a type; an unknown one becomes a type that no action applies to.
    pub(crate) fn type_name(&self, name: &str) -> EntityTypeName {
        self.types.get(name).unwrap_or(&self.unknown_type).clone()
    }

    /// Whether the schema knows a type, given without namespace.
    pub(crate) fn knows_type(&self, name: &str) -> bool {
        self.types.contains_key(name)
    }

    /// The types of the schema, without namespace.
    pub(crate) fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// What the schema says about an action.
    pub(crate) fn facts(&self, action: Action) -> Option<&ActionFacts> {
        self.actions.get(&action)
    }

    /// Whether entities of type `inner` may be, or lie in, an entity of type `outer`.
    pub(crate) fn may_contain(&self, outer: &str, inner: &str) -> bool {
        outer == inner
            || self
                .containers
                .get(inner)
                .is_some_and(|containers| containers.contains(outer))
    }

    /// The entities that every request has: actions, the tenant, the policy store.
    pub(crate) fn base_entities(&self) -> &Entities {
        &self.base_entities
    }
}

fn action_facts(schema: &Schema, types: &HashMap<String, EntityTypeName>) -> BTreeMap<Action, ActionFacts> {
    let hierarchy = schema.action_entities().unwrap_or_else(|_| Entities::empty());
    let Some(action_type) = types.get("Action") else {
        return BTreeMap::new();
    };
    let facts = |action: Action| {
        let uid = EntityUid::from_type_name_and_id(action_type.clone(), cedar_policy::EntityId::new(action.name()));
        let groups = hierarchy
            .ancestors(&uid)
            .map(|groups| groups.cloned().collect())
            .unwrap_or_default();
        let resource_types: BTreeSet<String> = schema
            .resources_for_action(&uid)
            .map(|types| types.map(|name| name.basename().to_owned()).collect())
            .unwrap_or_default();
        (
            action,
            ActionFacts {
                uid,
                groups,
                resource_types: resource_types.into_iter().collect(),
            },
        )
    };
    Action::ALL.iter().copied().map(facts).collect()
}

/// For each type, the types that can hold it, directly or through others.
fn containers(schema: &Schema) -> BTreeMap<String, BTreeSet<String>> {
    let names = |name: &EntityTypeName| {
        schema
            .ancestors(name)
            .map(|it| it.map(|t| t.basename().to_owned()).collect())
    };
    schema
        .entity_types()
        .map(|name| (name.basename().to_owned(), names(name).unwrap_or_default()))
        .collect()
}

fn base_entities() -> Entities {
    let actions = MODEL.schema().action_entities().unwrap_or_else(|_| Entities::empty());
    // INVARIANT: should this fail, the store is empty, no action entity is found, and every decision is Forbidden.
    actions
        .add_entities([resource::tenant(), resource::policy_store()], None)
        .unwrap_or_else(|_| Entities::empty())
}

#[cfg(test)]
mod tests {
    use super::MODEL;

    #[test]
    fn containment_is_transitive_and_one_way() {
        assert!(MODEL.may_contain("Tenant", "ColumnMask"));
        assert!(MODEL.may_contain("Catalog", "Column"));
        assert!(MODEL.may_contain("Table", "DataFilter"));
        assert!(!MODEL.may_contain("Column", "Table"));
        assert!(!MODEL.may_contain("Connection", "Table"));
    }

    #[test]
    fn groups_of_an_action_are_known() {
        let facts = MODEL.facts(crate::Action::Select).unwrap();
        assert!(facts.groups.iter().any(|group| group.id().unescaped() == "DataRead"));
        assert!(MODEL.facts(crate::Action::BypassFilter).unwrap().groups.is_empty());
        assert!(MODEL.base_entities().get(&facts.uid).is_some());
    }
}
