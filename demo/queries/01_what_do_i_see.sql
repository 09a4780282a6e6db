-- What do I see? One scan of the Parquet lake, the same text for everybody.
SELECT origin,
       count(*)                AS flights,
       count(DISTINCT carrier) AS carriers,
       sum(distance)           AS miles
FROM lake.nyc.flights
GROUP BY origin
ORDER BY origin
