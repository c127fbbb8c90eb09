using System.Collections.Generic;
using Amazon.Lambda.Core;

namespace Kubelambda.Contract
{
    /// <summary>What the caller gave as ClientContext: {"client": {...}, "custom": {...}, "env": {...}}.</summary>
    public sealed class ClientContext : IClientContext
    {
        public ClientContext(Members members)
        {
            Custom = members.Strings("custom");
            Environment = members.Strings("env");
            var client = members.Inner("client");
            Client = client == null ? null : new ClientApplication(client);
        }

        public IDictionary<string, string> Environment { get; }
        public IClientApplication Client { get; }
        public IDictionary<string, string> Custom { get; }
    }

    /// <summary>The application of a mobile SDK.</summary>
    public sealed class ClientApplication : IClientApplication
    {
        readonly Members members;

        public ClientApplication(Members members)
        {
            this.members = members;
        }

        public string AppPackageName => members.Text("app_package_name");
        public string AppTitle => members.Text("app_title");
        public string AppVersionCode => members.Text("app_version_code");
        public string AppVersionName => members.Text("app_version_name");
        public string InstallationId => members.Text("installation_id");
    }

    /// <summary>The Cognito identity of the caller.</summary>
    public sealed class CognitoIdentity : ICognitoIdentity
    {
        readonly Members members;

        public CognitoIdentity(Members members)
        {
            this.members = members;
        }

        public string IdentityId => members.Text("cognitoIdentityId");
        public string IdentityPoolId => members.Text("cognitoIdentityPoolId");
    }
}
