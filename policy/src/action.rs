//! Which actions are there?
//!
//! One line per action of `schema.cedarschema`; a test compares the two. Not the action *groups*: those are for forbids.

use crate::model::MODEL;
use cedar_policy::EntityUid;
use std::fmt;

macro_rules! actions {
    ($($name:ident $kebab:literal,)*) => {
        /// An action of the Cedar schema that a request can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "schema.cedarschema documents the actions")]
        pub enum Action { $($name,)* }

        impl Action {
            /// Every action, alphabetically.
            pub const ALL: &'static [Action] = &[$(Action::$name,)*];

            /// The name in policies: `SelectFiltered`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The name of the privilege in grants: `select-filtered`.
            pub fn kebab(self) -> &'static str {
                match self { $(Self::$name => $kebab,)* }
            }
        }
    };
}

actions! {
    Alter "alter",
    AssociateTag "associate-tag",
    BreakGlass "break-glass",
    BypassFilter "bypass-filter",
    CancelQuery "cancel-query",
    CreateCatalog "create-catalog",
    CreateDatabase "create-database",
    CreateFunction "create-function",
    CreateTable "create-table",
    CreateView "create-view",
    DataLocationRead "data-location-read",
    DataLocationWrite "data-location-write",
    DefineTag "define-tag",
    Delete "delete",
    Describe "describe",
    Drop "drop",
    Execute "execute",
    ExplainAnalyze "explain-analyze",
    Export "export",
    FetchResult "fetch-result",
    Grant "grant",
    GrantWithTag "grant-with-tag",
    Impersonate "impersonate",
    Insert "insert",
    ManageConnection "manage-connection",
    ManageIdentity "manage-identity",
    ManagePolicy "manage-policy",
    ManageWorkgroup "manage-workgroup",
    PassthroughQuery "passthrough-query",
    ReadAudit "read-audit",
    ReadStats "read-stats",
    ReadUsage "read-usage",
    RegisterTable "register-table",
    Revoke "revoke",
    Select "select",
    SelectFiltered "select-filtered",
    SelectMasked "select-masked",
    SelectRow "select-row",
    SimulateAs "simulate-as",
    SubmitQuery "submit-query",
    TimeTravel "time-travel",
    Update "update",
    UseConnection "use-connection",
    VendCredentials "vend-credentials",
    ViewQuery "view-query",
}

impl Action {
    /// The action of a name as policies write it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }

    /// The action of a privilege name as grants write it.
    pub fn from_kebab(kebab: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.kebab() == kebab)
    }

    /// The entity types, without namespace, that this action applies to, alphabetically.
    pub fn resource_types(self) -> &'static [String] {
        MODEL.facts(self).map_or(&[], |facts| facts.resource_types.as_slice())
    }

    /// Whether this action applies to entities of a type, given without namespace.
    pub fn applies_to(self, entity_type: &str) -> bool {
        self.resource_types().iter().any(|known| known == entity_type)
    }

    /// Whether the context of this action is a `GrantContext` instead of a `RequestContext`.
    pub fn needs_grant_context(self) -> bool {
        matches!(self, Self::Grant | Self::Revoke)
    }

    /// The action as an entity: `Lakegate::Action::"Select"`.
    pub fn uid(self) -> EntityUid {
        MODEL.facts(self).map_or_else(
            || crate::resource::uid("Action", self.name()),
            |facts| facts.uid.clone(),
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Action;
    use crate::model::MODEL;
    use std::collections::BTreeSet;

    #[test]
    fn every_action_of_the_schema_is_listed_and_nothing_else() {
        let schema = MODEL.schema();
        let groups: BTreeSet<String> = schema
            .action_groups()
            .map(|uid| uid.id().unescaped().to_owned())
            .collect();
        let schema_actions: BTreeSet<String> = schema
            .actions()
            .map(|uid| uid.id().unescaped().to_owned())
            .filter(|name| !groups.contains(name))
            .collect();
        let listed: BTreeSet<String> = Action::ALL.iter().map(|action| action.name().to_owned()).collect();
        assert_eq!(listed, schema_actions);
    }

    #[test]
    fn the_list_is_alphabetical_and_kebab_follows_the_name() {
        assert!(Action::ALL.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        for action in Action::ALL {
            let mut kebab = String::new();
            for c in action.name().chars() {
                if c.is_ascii_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.push(c.to_ascii_lowercase());
            }
            assert_eq!(action.kebab(), kebab);
            assert_eq!(Action::from_kebab(&kebab), Some(*action));
            assert_eq!(Action::from_name(action.name()), Some(*action));
        }
    }

    #[test]
    fn resource_types_come_from_the_schema() {
        assert_eq!(Action::Select.resource_types(), ["Column", "Table", "View"]);
        assert!(Action::SelectFiltered.applies_to("DataFilter"));
        assert!(!Action::SelectFiltered.applies_to("Table"));
        assert!(Action::ALL.iter().all(|action| !action.resource_types().is_empty()));
    }
}
