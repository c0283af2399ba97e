"""Reports of build servers: a build, the results of its tests, its coverage and its scans."""
