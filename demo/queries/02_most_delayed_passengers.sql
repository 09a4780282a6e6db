-- The federated join, row by row: flights from Parquet, passengers and planes from the relational source.
SELECT p.id, p.name, p.email, p.seat, carrier, origin, f.dest, pl.manufacturer, pl.model, f.dep_delay
FROM lake.nyc.flights f
JOIN crm.main.passengers p USING (year, month, day, carrier, flight, origin)
JOIN crm.main.planes pl ON pl.tailnum = f.tailnum
WHERE f.dep_delay > 60
ORDER BY f.dep_delay DESC, p.id
LIMIT 10
