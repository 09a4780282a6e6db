-- `*` is what the caller may see: no column appears that is hidden, none is missing that is masked.
SELECT *
FROM crm.main.passengers
ORDER BY id
LIMIT 5
