"""The operations of the API that the dashboard and the form for a new assessment run."""

DASHBOARD = """
query ComplianceDashboard($id: UUID!, $me: UUID!) {
  organization(id: $id) {
    id name
    assessmentUsage { billable assessments { current maximum } }
    complianceDocuments(first: 20, orderBy: [{by: CREATED_AT, direction: DESC}]) {
      nodes {
        id name size status errorMessage pageCount createdAt expiresAt user { id fullName email }
      }
    }
    findingTasks(first: 20, filter: {status: {eq: OPEN}}, orderBy: [{by: DUE_DATE}]) {
      nodes { id assessmentId framework requirement title dueDate assignee { fullName email } }
    }
  }
  assessments(first: 20, filter: {userId: {eq: $me}, organizationId: {eq: $id}}) {
    nodes { id documentName status progress score createdAt }
  }
}
"""
COMPLETED = """
query CompletedAssessments($id: UUID!, $after: String) {
  organization(id: $id) {
    assessments(first: 100, after: $after, filter: {status: {eq: COMPLETED}}) {
      pageInfo { hasNextPage endCursor }
      nodes {
        complianceDocumentId completedAt severityCounts
        frameworks(first: 20) { nodes { frameworkId } }
      }
    }
  }
}
"""
CHOICES = """
query AssessmentChoices($id: UUID!) {
  organization(id: $id) {
    id name
    assessmentUsage { assessments { current maximum } }
    complianceDocuments(
      first: 100, filter: {status: {eq: READY}}, orderBy: [{by: CREATED_AT, direction: DESC}]
    ) { nodes { id name pageCount createdAt } }
  }
  frameworks(first: 100, filter: {active: {eq: true}}) {
    nodes { id code name description revision }
  }
}
"""
CREATE = """
mutation CreateAssessment($input: AssessmentCreateInput!) {
  assessmentCreate(input: $input) { assessment { id } }
}
"""
