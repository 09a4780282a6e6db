//! What does a grant permit?
//!
//! A grant is one link of one of our own templates (`governance.md` §2.2); its end is checked when it decides, because
//! slots exist only in the scope. Who may grant is *not* decided here but by policies on `Grant` and `Revoke`.

use crate::action::Action;
use crate::error::PolicyError;
use crate::model::{MODEL, NAMESPACE};
use cedar_policy::{EntityUid, PolicyId, SlotId, Template};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// What can be granted: each action, and two bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// One action.
    Action(Action),
    /// GRANT ALL: describe, select, insert, update, delete, alter, drop; never filters or masks.
    All,
    /// Lake Formation's DATA_LOCATION_ACCESS: write there and register tables there.
    Location,
}

/// One grant as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantLink {
    /// Id of the grant; it becomes the id of the linked policy.
    pub id: String,
    /// What is granted.
    pub privilege: Privilege,
    /// A user or a role.
    pub principal: EntityUid,
    /// The object; what it contains is meant too, except for `select-filtered` and `bypass-filter`.
    pub resource: EntityUid,
    /// End in milliseconds since 1970-01-01 UTC; from that moment on it permits nothing.
    pub expires_ms: Option<i64>,
}

/// GRANT ALL lists its actions one by one: the group DataRead would include every mask and filter.
const ALL: &[Action] = &[
    Action::Alter,
    Action::Delete,
    Action::Describe,
    Action::Drop,
    Action::Insert,
    Action::Select,
    Action::Update,
];
const LOCATION: &[Action] = &[Action::DataLocationWrite, Action::RegisterTable];

impl Privilege {
    /// Every privilege.
    pub fn every() -> impl Iterator<Item = Self> {
        Action::ALL
            .iter()
            .copied()
            .map(Self::Action)
            .chain([Self::All, Self::Location])
    }

    /// The name in grants: an action in kebab-case, `all` or `location`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Action(action) => action.kebab(),
            Self::All => "all",
            Self::Location => "location",
        }
    }

    /// The actions that it permits.
    pub fn actions(self) -> Vec<Action> {
        match self {
            Self::Action(action) => vec![action],
            Self::All => ALL.to_vec(),
            Self::Location => LOCATION.to_vec(),
        }
    }

    /// Whether granting it on an object of this type (without namespace) can ever permit anything.
    ///
    /// `all` is stricter: select *and* alter must make sense, so it is for tables, views and what contains them.
    pub fn applies_to(self, entity_type: &str) -> bool {
        let reaches = |action: Action| {
            let inner = action.resource_types();
            match action {
                Action::SelectFiltered | Action::BypassFilter => inner.iter().any(|inner| inner == entity_type),
                _ => inner.iter().any(|inner| MODEL.may_contain(entity_type, inner)),
            }
        };
        match self {
            Self::Action(action) => reaches(action),
            Self::All => reaches(Action::Select) && reaches(Action::Alter),
            Self::Location => LOCATION.iter().all(|action| reaches(*action)),
        }
    }

    pub(crate) fn template_id(self) -> PolicyId {
        PolicyId::new(format!("{TEMPLATE_PREFIX}{}", self.name()))
    }

    /// The text of the template; `select-filtered` and `bypass-filter` mean one filter, never all below an object.
    fn template_text(self) -> String {
        let named = |action: &Action| format!("{NAMESPACE}::Action::\"{}\"", action.name());
        let (action, resource) = match self {
            Self::Action(action @ (Action::SelectFiltered | Action::BypassFilter)) => {
                (format!("action == {}", named(&action)), "resource == ?resource")
            }
            Self::Action(action) => (format!("action == {}", named(&action)), "resource in ?resource"),
            Self::All | Self::Location => {
                let list: Vec<String> = self.actions().iter().map(named).collect();
                (format!("action in [{}]", list.join(", ")), "resource in ?resource")
            }
        };
        format!("@kind(\"grant\") permit(principal in ?principal, {action}, {resource});")
    }
}

/// Ids that start so belong to our templates.
pub(crate) const TEMPLATE_PREFIX: &str = "tpl.";

/// One template per privilege.
pub(crate) static TEMPLATES: LazyLock<BTreeMap<Privilege, Template>> = LazyLock::new(|| {
    // A template that does not parse would be absent and its grants refused; a test compares the count.
    Privilege::every()
        .filter_map(|privilege| {
            let template = Template::parse(Some(privilege.template_id()), privilege.template_text()).ok()?;
            Some((privilege, template))
        })
        .collect()
});

impl FromStr for Privilege {
    type Err = PolicyError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::every()
            .find(|privilege| privilege.name() == name)
            .ok_or_else(|| PolicyError::UnknownPrivilege { name: name.to_owned() })
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a privilege (`select`, `all`, …) may be granted on an object of a type (`Table`, without namespace).
pub fn privilege_applies(privilege: &str, entity_type: &str) -> bool {
    privilege
        .parse::<Privilege>()
        .is_ok_and(|privilege| privilege.applies_to(entity_type))
}

impl GrantLink {
    pub(crate) fn slots(&self) -> HashMap<SlotId, EntityUid> {
        HashMap::from([
            (SlotId::principal(), self.principal.clone()),
            (SlotId::resource(), self.resource.clone()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::{PolicySet, ValidationMode};

    #[test]
    fn every_privilege_has_a_template_that_passes_strict_validation() {
        assert_eq!(TEMPLATES.len(), Action::ALL.len() + 2);
        let mut set = PolicySet::new();
        for template in TEMPLATES.values() {
            set.add_template(template.clone()).unwrap();
        }
        let result = MODEL.validator().validate_with_level(&set, ValidationMode::Strict, 1);
        assert!(result.validation_passed(), "{result}");
    }

    #[test]
    fn templates_are_those_of_the_design() {
        let sample: PolicySet = include_str!("../tests/sample.cedar").parse().unwrap();
        let mut seen = 0;
        for theirs in sample.templates() {
            let name = theirs.annotation("id").unwrap().strip_prefix(TEMPLATE_PREFIX).unwrap();
            let ours = &TEMPLATES[&name.parse::<Privilege>().unwrap()];
            assert_eq!(ours.principal_constraint(), theirs.principal_constraint(), "{name}");
            assert_eq!(ours.resource_constraint(), theirs.resource_constraint(), "{name}");
            assert_eq!(actions_of(ours), actions_of(theirs), "{name}");
            seen += 1;
        }
        assert_eq!(seen, 6);
    }

    fn actions_of(template: &Template) -> Vec<String> {
        let mut names = match template.action_constraint() {
            cedar_policy::ActionConstraint::Any => vec![],
            cedar_policy::ActionConstraint::Eq(uid) => vec![uid.to_string()],
            cedar_policy::ActionConstraint::In(uids) => uids.iter().map(ToString::to_string).collect(),
        };
        names.sort();
        names
    }

    #[test]
    fn privileges_apply_to_objects_and_to_what_contains_them() {
        for (privilege, entity_type, expected) in [
            ("select", "Table", true),
            ("select", "Database", true),
            ("select", "Column", true),
            ("select", "DataFilter", false),
            ("select", "Connection", false),
            ("select-filtered", "DataFilter", true),
            ("select-filtered", "Table", false),
            ("bypass-filter", "Table", false),
            ("select-masked", "Table", true),
            ("select-masked", "DataFilter", false),
            ("insert", "View", false),
            ("all", "Table", true),
            ("all", "Catalog", true),
            ("all", "Column", false),
            ("all", "Connection", false),
            ("location", "DataLocation", true),
            ("location", "Table", false),
            ("selekt", "Table", false),
            ("select", "Tabel", false),
        ] {
            assert_eq!(
                privilege_applies(privilege, entity_type),
                expected,
                "{privilege} on {entity_type}"
            );
        }
    }
}
