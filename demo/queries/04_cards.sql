-- The card, by name: clear, masked, or a column that does not exist.
SELECT id, name, card
FROM crm.main.passengers
WHERE month = 7 AND day = 4
ORDER BY id
LIMIT 5
