-- A mask applies before the query does: filtering by the raw value finds nothing unless the value is clear.
SELECT count(*) AS passengers,
       count(email) AS emails,
       count(CASE WHEN card LIKE '4000-0000-0000-%' THEN 1 END) AS cards_found
FROM crm.main.passengers
