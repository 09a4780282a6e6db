//! Is what was signed what is stored? Every way to change the trail by hand, with the keys that an attacker has.

use std::time::Duration;

use lakegate_catalog::{
    Acceptance, AuditTrust, Due, KeyStanding, Store, StoreError,
    audit::{
        AuditFault, AuditFaultKind, AuditFilter, AuditPart, AuditVerification,
        chain::{canonical_json, genesis, link},
        checkpoint::{Checkpoint, SignedText},
        history::SignedTexts,
        signature::SigningKey,
    },
};
use tokio::task::JoinSet;

use crate::{make::event, place::Place};

fn new_key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()
}

async fn append(store: &Store, count: usize) {
    for n in 0..count {
        store.append_audit(&[event(&format!("a{n}"))]).await.unwrap();
    }
}

/// A chain with records 1 to 8: 1 to 3 in checkpoint 1, to 6 in checkpoint 2.
async fn signed(place: &Place) -> (Store, SigningKey) {
    let (store, key) = (place.store().await, new_key());
    assert_eq!(store.adopt_audit_key(&key).await.unwrap(), KeyStanding::Signs);
    for _ in 0..2 {
        append(&store, 3).await;
        assert!(
            store
                .take_checkpoint(&key, Due::Now)
                .await
                .unwrap()
                .unwrap()
                .faults
                .is_empty()
        );
    }
    append(&store, 2).await;
    (store, key)
}

async fn verify(store: &Store) -> AuditVerification {
    store.verify_audit().await.unwrap()
}

async fn fault(store: &Store) -> AuditFault {
    verify(store).await.fault.expect("a fault")
}

/// Which part, number, how, and the checkpoint that proves it.
fn place_of(fault: &AuditFault) -> (AuditPart, i64, AuditFaultKind, Option<i64>) {
    (fault.part, fault.seq, fault.kind, fault.checkpoint)
}

/// Removes the records after `last`, and the head with them.
fn cut(stream: &str, last: i64) -> String {
    format!(
        "DELETE FROM audit_events WHERE stream = '{stream}' AND seq > {last}; \
         UPDATE audit_streams SET seq = {last}, hash = (SELECT hash FROM audit_events WHERE stream = '{stream}' AND seq = {last}) \
         WHERE stream = '{stream}'"
    )
}

/// Stores a signed text in the place of checkpoint `seq`.
fn replaced(seq: i64, text: &SignedText) -> String {
    format!(
        "UPDATE audit_checkpoints SET body = '{}', signature = '{}' WHERE seq = {seq}",
        text.body, text.signature
    )
}

async fn stored(store: &Store, seq: i64) -> (SignedText, Checkpoint) {
    let text = store.signed_texts(0).await.unwrap().checkpoints.remove(&seq).unwrap();
    let body = serde_json::from_str(&text.body).unwrap();
    (text, body)
}

pub async fn checkpoints_sign_what_moved(place: &Place) {
    let (store, key) = signed(place).await;
    let report = verify(&store).await;
    assert_eq!((report.checkpoints, report.records, report.unsigned), (2, 8, 2));
    assert_eq!((report.fault, report.key), (None, Some(key.public().id())));
    let (_, first) = stored(&store, 1).await;
    assert_eq!(first.heads.iter().map(|head| head.seq).collect::<Vec<_>>(), [3]);
    // A second boot: its chain moves, the first one's does too.
    let other = place.store().await;
    append(&other, 1).await;
    let taken = other.take_checkpoint(&key, Due::Now).await.unwrap().unwrap();
    assert_eq!(taken.seq, 3);
    let (_, third) = stored(&store, 3).await;
    assert_eq!((third.heads.len(), third.full), (2, false));
    append(&other, 1).await;
    other.take_checkpoint(&key, Due::Now).await.unwrap();
    let (_, fourth) = stored(&store, 4).await;
    let names: Vec<&str> = fourth.heads.iter().map(|head| head.stream.as_str()).collect();
    assert_eq!(names, [other.boot_id()], "only what moved");
    assert_eq!(verify(&store).await.unsigned, 0);
}

pub async fn a_checkpoint_is_made_by_one_of_many(place: &Place) {
    let (store, key) = (place.store().await, SigningKey::generate().unwrap());
    let read = |document: &[u8]| SigningKey::from_pkcs8(document).unwrap();
    store.adopt_audit_key(&read(&key)).await.unwrap();
    let (mut tasks, mut made) = (JoinSet::new(), 0);
    for _ in 0..8 {
        let (store, key) = (place.store().await, read(&key));
        tasks.spawn(async move {
            append(&store, 3).await;
            store
                .take_checkpoint(&key, Due::After(Duration::from_secs(60)))
                .await
                .unwrap()
        });
    }
    while let Some(taken) = tasks.join_next().await {
        made += i32::from(taken.unwrap().is_some());
    }
    assert_eq!(made, 1);
    assert!(store.checkpoint_age().await.unwrap().unwrap() < Duration::from_secs(30));
    assert_eq!(verify(&store).await.fault, None);
}

pub async fn another_key_does_not_sign(place: &Place) {
    let (store, key) = signed(place).await;
    let other = new_key();
    assert_eq!(
        store.adopt_audit_key(&other).await.unwrap(),
        KeyStanding::Foreign(key.public().id())
    );
    let refused = store.take_checkpoint(&other, Due::Now).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid { .. }), "{refused:?}");
    assert_eq!(verify(&store).await.checkpoints, 2);
}

/// The record is edited, and every hash after it and the head are written again.
pub async fn a_rewritten_chain_shows(place: &Place) {
    let (store, _) = signed(place).await;
    let stream = store.boot_id();
    let mut records = store
        .list_audit(&AuditFilter {
            limit: 100,
            ..AuditFilter::default()
        })
        .await
        .unwrap();
    records.reverse();
    let (mut sql, mut prev) = (String::new(), genesis(stream));
    for record in &mut records {
        if record.seq == 5 {
            record.event.outcome = "other".to_owned();
        }
        let body = canonical_json(&record.event).unwrap();
        let hash = link(&prev, &body).unwrap();
        sql.push_str(&format!(
            "UPDATE audit_events SET body = '{body}', prev = '{prev}', hash = '{hash}' WHERE stream = '{stream}' AND seq = {};",
            record.seq
        ));
        prev = hash;
    }
    place
        .tamper(&format!(
            "{sql} UPDATE audit_streams SET hash = '{prev}' WHERE stream = '{stream}'"
        ))
        .await;
    // The first of the records that checkpoint 2 signed after those of checkpoint 1.
    let found = fault(&store).await;
    assert_eq!(
        place_of(&found),
        (AuditPart::Record, 4, AuditFaultKind::Rewritten, Some(2))
    );
}

pub async fn a_removed_tail_shows_where_it_was_signed(place: &Place) {
    let (store, _) = signed(place).await;
    place.tamper(&cut(store.boot_id(), 6)).await;
    assert_eq!(verify(&store).await.fault, None, "nobody has signed them");
    place.tamper(&cut(store.boot_id(), 4)).await;
    let found = fault(&store).await;
    assert_eq!(
        place_of(&found),
        (AuditPart::Record, 5, AuditFaultKind::TornTail, Some(2))
    );
    assert!(store.check_audit_ends().await.unwrap().iter().any(AuditFault::is_torn));
}

pub async fn a_removed_chain_shows(place: &Place) {
    let (first, key) = signed(place).await;
    let second = place.store().await;
    append(&second, 2).await;
    second.take_checkpoint(&key, Due::Now).await.unwrap();
    place
        .tamper(&format!(
            "DELETE FROM audit_streams WHERE stream = '{}'",
            first.boot_id()
        ))
        .await;
    place
        .tamper(&format!(
            "DELETE FROM audit_events WHERE stream = '{}'",
            first.boot_id()
        ))
        .await;
    let found = fault(&second).await;
    assert_eq!(found.stream, first.boot_id());
    assert_eq!(
        place_of(&found),
        (AuditPart::Record, 1, AuditFaultKind::TornTail, Some(1))
    );
}

pub async fn a_forged_checkpoint_shows(place: &Place) {
    let (store, _) = signed(place).await;
    let (text, mut body) = stored(&store, 2).await;
    // A byte of it.
    place
        .tamper("UPDATE audit_checkpoints SET body = replace(body, '\"full\":false', '\"full\":true') WHERE seq = 2")
        .await;
    let forged = (AuditPart::Checkpoint, 2, AuditFaultKind::Forged, None);
    assert_eq!(place_of(&fault(&store).await), forged);
    // All of it, by somebody else's key.
    let other = new_key();
    body.key = other.public().id();
    let lie = body.body().unwrap();
    let signature = other.sign(&lie);
    place.tamper(&replaced(2, &SignedText { body: lie, signature })).await;
    assert_eq!(place_of(&fault(&store).await), forged);
    // One that was signed for another place.
    let (first, _) = stored(&store, 1).await;
    place.tamper(&replaced(2, &first)).await;
    assert_eq!(
        place_of(&fault(&store).await),
        (AuditPart::Checkpoint, 2, AuditFaultKind::Edited, None)
    );
    place.tamper(&replaced(2, &text)).await;
    assert_eq!(verify(&store).await.fault, None);
}

pub async fn a_checkpoint_that_is_gone_shows(place: &Place) {
    let (store, key) = signed(place).await;
    store.take_checkpoint(&key, Due::Now).await.unwrap();
    place.tamper("DELETE FROM audit_checkpoints WHERE seq = 2").await;
    assert_eq!(
        place_of(&fault(&store).await),
        (AuditPart::Checkpoint, 2, AuditFaultKind::Missing, None)
    );
    // The one after it in its place, and number.
    place.tamper("UPDATE audit_checkpoints SET seq = 2 WHERE seq = 3").await;
    assert_eq!(
        place_of(&fault(&store).await),
        (AuditPart::Checkpoint, 2, AuditFaultKind::Edited, None)
    );
}

pub async fn copies_show_what_the_store_has_lost(place: &Place) {
    let (store, key) = signed(place).await;
    store.take_checkpoint(&key, Due::Now).await.unwrap();
    let copies = store.signed_texts(0).await.unwrap();
    // Records, head and checkpoint: the store alone looks whole.
    place.tamper(&cut(store.boot_id(), 6)).await;
    place.tamper("DELETE FROM audit_checkpoints WHERE seq = 3").await;
    assert_eq!(verify(&store).await.fault, None);
    let trust = AuditTrust {
        keys: Vec::new(),
        copies,
    };
    let found = store.verify_audit_with(&trust).await.unwrap().fault.unwrap();
    assert_eq!(
        place_of(&found),
        (AuditPart::Record, 7, AuditFaultKind::TornTail, Some(3))
    );
    // The loss is accepted: the checkpoint comes back, and the copies agree with the store.
    let acceptance = Acceptance {
        by: "ana".to_owned(),
        reason: "an old backup".to_owned(),
    };
    store.close().await;
    let again = place.store().await;
    let (lost, taken) = again.acknowledge_audit(&key, &acceptance, &trust.copies).await.unwrap();
    assert_eq!((lost.len(), taken.seq), (1, 4));
    assert_eq!(again.verify_audit_with(&trust).await.unwrap().fault, None);
    let elsewhere = Place::sqlite();
    let (store, key) = signed(&elsewhere).await;
    store.take_checkpoint(&key, Due::Now).await.unwrap();
    let mut trust = AuditTrust {
        keys: Vec::new(),
        copies: store.signed_texts(0).await.unwrap(),
    };
    assert_eq!(store.verify_audit_with(&trust).await.unwrap().fault, None);
    // A copy that nobody has signed.
    trust.copies.checkpoints.get_mut(&1).unwrap().signature = "00".to_owned();
    let found = store.verify_audit_with(&trust).await.unwrap().fault.unwrap();
    assert_eq!(place_of(&found), (AuditPart::Copy, 1, AuditFaultKind::Forged, None));
}

/// Everything is made again by somebody with a key of his own, who then calls it the store's.
pub async fn keys_of_somebody_else_show_to_whoever_knows_ours(place: &Place) {
    let (store, ours) = signed(place).await;
    place.tamper("DELETE FROM audit_checkpoints").await;
    place.tamper("DELETE FROM audit_keys").await;
    place.tamper(&cut(store.boot_id(), 2)).await;
    let theirs = new_key();
    let again = place.store().await;
    assert_eq!(again.adopt_audit_key(&theirs).await.unwrap(), KeyStanding::Signs);
    again.take_checkpoint(&theirs, Due::Now).await.unwrap();
    assert_eq!(verify(&again).await.fault, None, "the store alone cannot tell");
    let trust = AuditTrust {
        keys: vec![ours.public()],
        ..AuditTrust::default()
    };
    let found = again.verify_audit_with(&trust).await.unwrap().fault.unwrap();
    assert_eq!(place_of(&found), (AuditPart::Key, 1, AuditFaultKind::Forged, None));
}

pub async fn a_new_key_is_signed_by_the_old_one(place: &Place) {
    let (store, old) = signed(place).await;
    let new = new_key();
    assert!(
        store.rotate_audit_key(&new_key(), &new).await.is_err(),
        "only the key that signs can say who is next"
    );
    store.rotate_audit_key(&old, &new).await.unwrap();
    assert!(store.take_checkpoint(&old, Due::Now).await.is_err());
    append(&store, 1).await;
    store.take_checkpoint(&new, Due::Now).await.unwrap();
    for keys in [vec![], vec![old.public()], vec![new.public()]] {
        let trust = AuditTrust {
            keys,
            ..AuditTrust::default()
        };
        let report = store.verify_audit_with(&trust).await.unwrap();
        assert_eq!((report.fault, report.checkpoints), (None, 5));
        assert_eq!(report.key, Some(new.public().id()));
    }
    assert!(store.rotate_audit_key(&new, &old).await.is_err(), "a key comes once");
    // Whoever has the old key signs nothing any more.
    let (_, mut last) = stored(&store, 5).await;
    last.key = old.public().id();
    let lie = last.body().unwrap();
    let signature = old.sign(&lie);
    place.tamper(&replaced(5, &SignedText { body: lie, signature })).await;
    assert_eq!(
        place_of(&fault(&store).await),
        (AuditPart::Checkpoint, 5, AuditFaultKind::Forged, None)
    );
    // Nor does he bring in a key behind the back of the new one.
    let third = new_key();
    let keys = store.signed_texts(0).await.unwrap().keys;
    let body = keys
        .last()
        .unwrap()
        .body
        .replace(&new.public().text(), &third.public().text());
    let body = body
        .replace(&new.public().id(), &third.public().id())
        .replace("\"number\":2", "\"number\":3");
    let signature = format!("{}{}", old.sign(&body), third.sign(&body));
    place
        .tamper(&format!(
            "INSERT INTO audit_keys VALUES (3, '{}', '', '{body}', '{signature}')",
            third.public().id()
        ))
        .await;
    assert_eq!(
        place_of(&fault(&store).await),
        (AuditPart::Key, 3, AuditFaultKind::Forged, None)
    );
}

pub async fn what_does_not_hold_is_signed_as_such(place: &Place) {
    let (store, key) = signed(place).await;
    place
        .tamper("UPDATE audit_events SET body = replace(body, '\"allow\"', '\"allov\"') WHERE seq = 7")
        .await;
    let taken = store.take_checkpoint(&key, Due::Now).await.unwrap().unwrap();
    assert_eq!(taken.faults.len(), 1, "{taken:?}");
    let found = taken.faults.first().unwrap();
    assert_eq!(place_of(found), (AuditPart::Record, 7, AuditFaultKind::Edited, None));
    // Mended behind our back: the checkpoint still says so, and what comes later is signed as ever.
    append(&store, 1).await;
    assert!(
        store
            .take_checkpoint(&key, Due::Now)
            .await
            .unwrap()
            .unwrap()
            .faults
            .is_empty()
    );
    assert_eq!(stored(&store, 3).await.1.faults.len(), 1);
    assert_eq!(
        place_of(&fault(&store).await),
        (AuditPart::Record, 7, AuditFaultKind::Edited, None)
    );
}

pub async fn a_loss_is_accepted_and_told_for_ever(place: &Place) {
    let acceptance = Acceptance {
        by: "ana".to_owned(),
        reason: "disk".to_owned(),
    };
    let (first, key) = signed(place).await;
    assert!(
        first
            .acknowledge_audit(&key, &acceptance, &SignedTexts::default())
            .await
            .is_err(),
        "nothing is torn"
    );
    let second = place.store().await;
    append(&second, 2).await;
    second.take_checkpoint(&key, Due::Now).await.unwrap();
    second.close().await;
    // One chain loses its end, the other all of it.
    place.tamper("DELETE FROM audit_events WHERE seq > 4").await;
    place
        .tamper(&format!(
            "DELETE FROM audit_events WHERE stream = '{}'",
            second.boot_id()
        ))
        .await;
    let again = place.store().await;
    assert_eq!(again.check_audit_ends().await.unwrap().len(), 2);
    let (lost, taken) = again
        .acknowledge_audit(&key, &acceptance, &SignedTexts::default())
        .await
        .unwrap();
    let mut gone: Vec<_> = lost
        .iter()
        .map(|lost| (lost.stream.as_str(), lost.first, lost.last))
        .collect();
    gone.sort_unstable();
    let mut expected = vec![(first.boot_id(), 5, 8), (second.boot_id(), 1, 2)];
    expected.sort_unstable();
    assert_eq!((gone, taken.seq), (expected, 4));
    assert_eq!(again.check_audit_ends().await.unwrap(), []);
    let report = verify(&again).await;
    assert_eq!((report.fault, report.acknowledged.len()), (None, 2));
    // Later checkpoints and more losses of the same chain.
    append(&again, 1).await;
    again.take_checkpoint(&key, Due::Now).await.unwrap();
    assert_eq!(verify(&again).await.fault, None);
    place.tamper(&cut(first.boot_id(), 3)).await;
    assert_eq!(
        place_of(&fault(&again).await),
        (AuditPart::Record, 4, AuditFaultKind::TornTail, Some(4))
    );
    // What was changed cannot be accepted.
    place
        .tamper("UPDATE audit_events SET principal = 'eve' WHERE seq = 2")
        .await;
    let refused = again
        .acknowledge_audit(&key, &acceptance, &SignedTexts::default())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("only the loss of the end"), "{refused}");
}
