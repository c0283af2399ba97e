SELECT frameworks.(...)
FROM frameworks
WHERE frameworks.deleted_at IS NULL
AND frameworks.active = true
ORDER BY frameworks.name_order ASC, frameworks.id ASC
LIMIT $1::INTEGER
